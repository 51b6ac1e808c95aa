"""The schema: brought up to date under a lock, in one transaction, so that a migration is done or it never happened."""

from __future__ import annotations

import threading

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from driftwatch.errors import StoreError
from driftwatch.stores import postgres

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps its environment in a module: two threads of one process would share it."""


def migration_config(connection: Connection) -> Config:
    """What Alembic needs, without an ini file: where the scripts are, and the connection to work on."""
    config = Config()
    config.set_main_option("script_location", "driftwatch.stores:migrations")
    config.attributes["connection"] = connection
    return config


def revision_of(connection: Connection) -> str | None:
    """The schema revision of a store; None: it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine) -> None:
    """Makes or updates the schema. Raises StoreError for a schema that is newer than this driftwatch.

    Any number of processes may do this at once: one works, the others wait and then find nothing to do.
    """
    with _ONE_AT_A_TIME:
        with engine.connect() as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                postgres.refuse_unfit(connection)
            if _is_current(connection):
                return
        with engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a migration may rewrite a table of any size
            if not _is_current(connection):
                command.upgrade(migration_config(connection), "head")


def _is_current(connection: Connection) -> bool:
    script = ScriptDirectory.from_config(migration_config(connection))
    here, newest = revision_of(connection), script.get_current_head()
    known = {revision.revision for revision in script.walk_revisions()}
    if here is not None and here not in known:
        raise StoreError(
            f"the store has schema {here}, and this driftwatch knows schemas up to {newest}: a newer driftwatch has used it. "
            "Run that version or a later one, or restore the backup from before the upgrade"
        )
    return here == newest
