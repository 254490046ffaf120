"""What the questions of a metric were called."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; of metrics made before nothing is known."""
    op.add_column("metrics", sa.Column("questions", sa.JSON, nullable=False, server_default="{}"))
