"""An index for the metrics of an account that are named: as a map does, whatever else there is."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_metrics_account", "metrics", ["account", "id"])
