"""The Alembic environment: runs the migrations on the connection of the store."""

from alembic import context

from smaply_metrics_core.host.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
