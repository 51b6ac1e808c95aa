"""Alembic's environment: works on the connection it is given, inside the transaction that is open there."""

from __future__ import annotations

from alembic import context

from driftwatch.stores.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
