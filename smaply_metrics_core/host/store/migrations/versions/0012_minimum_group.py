"""Add the smallest group that accounts show, and what filters removed from past values."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns; existing accounts show all groups, existing values have no count."""
    op.add_column(
        "accounts", sa.Column("minimum_group", sa.Integer, nullable=False, server_default="0")
    )
    op.add_column("history", sa.Column("filtered_out", sa.Integer, nullable=True))
