"""Where change records come from: one module per kind, with its `Settings` and `create(name, settings)`."""
