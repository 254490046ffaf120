"""Add the counts of exports, for their limit per hour, and the index for the audit retention."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the table and the index; the first export of an account adds its row."""
    op.create_table(
        "export_counts",
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exports", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_export_counts"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
