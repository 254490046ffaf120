"""Add the names and texts of a metric's questions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; it is empty for existing metrics."""
    op.add_column("metrics", sa.Column("questions", sa.JSON, nullable=False, server_default="{}"))
