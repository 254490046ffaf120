"""Add which server a connection leads to."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; it is set when a connection is used the next time."""
    op.add_column(
        "connections", sa.Column("server", sa.String(32), nullable=False, server_default="")
    )
    op.create_index("ix_connections_server", "connections", ["server"])
