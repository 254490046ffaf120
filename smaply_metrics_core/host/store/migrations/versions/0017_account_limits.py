"""Add the limits of single accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Create the table, which is empty: the settings of the operator apply to every account."""
    op.create_table(
        "account_limits",
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("max_connections", sa.Integer, nullable=True),
        sa.Column("max_metrics", sa.Integer, nullable=True),
        sa.Column("max_exports_per_hour", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("account", name="pk_account_limits"),
    )
