"""Create the tables for the history of values and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, which are empty."""
    op.create_table(
        "history",
        sa.Column("metric_id", sa.String(40), nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(20), nullable=False),
        sa.Column("value", sa.Float, nullable=True),
        sa.Column("responses", sa.Integer, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("metric_id", "as_of", name="pk_history"),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["metrics.id"], name="fk_history_metric_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("user", sa.String(200), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_account", "audit", ["account", "id"])
