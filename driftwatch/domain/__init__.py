"""The domain: nouns, verbs and rules as pure functions of their arguments. No I/O, clock, logger, SDK or ORM."""
