"""The store: SQLAlchemy Core, one schema on SQLite and PostgreSQL. `store.open_store` opens one; the fake is ``sqlite://``."""
