"""Add the smallest group that accounts show, and the counts that hide past values."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the columns; existing accounts show all groups, existing values have no count."""
    op.add_column(
        "accounts", sa.Column("minimum_group", sa.Integer, nullable=False, server_default="0")
    )
    op.add_column("history", sa.Column("fewest_respondents", sa.Integer, nullable=True))
    op.add_column("history", sa.Column("filtered_out", sa.Integer, nullable=True))
