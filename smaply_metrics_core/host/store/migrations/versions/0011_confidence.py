"""Add the level of confidence of accounts, and the intervals of past values."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns; existing accounts use 95 percent, existing values have no interval."""
    op.add_column(
        "accounts", sa.Column("confidence", sa.Float, nullable=False, server_default="95")
    )
    op.add_column("history", sa.Column("interval", sa.JSON, nullable=True))
