"""Add an index for reading metrics of an account by id, as a journey map does."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the index."""
    op.create_index("ix_metrics_account", "metrics", ["account", "id"])
