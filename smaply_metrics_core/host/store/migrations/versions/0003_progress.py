"""Add the progress of running refreshes, and the time since when a connection is down."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns; they are empty for running refreshes and existing connections."""
    op.add_column("leases", sa.Column("started_at", INSTANT, nullable=True))
    op.add_column("leases", sa.Column("percent", sa.Float, nullable=True))
    op.add_column("connections", sa.Column("down_since", INSTANT, nullable=True))
