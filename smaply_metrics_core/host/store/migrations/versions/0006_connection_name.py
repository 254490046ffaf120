"""Add the name that an Admin gives a connection."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; existing connections have no name."""
    op.add_column(
        "connections", sa.Column("name", sa.String(200), nullable=False, server_default="")
    )
