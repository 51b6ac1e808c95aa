"""Who is told of findings: one module per kind, with its `Settings` and `create(name, settings)`."""
