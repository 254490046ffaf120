"""Add the last attempts of metrics."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table, which is empty: only the last attempt is known so far."""
    op.create_table(
        "past_attempts",
        sa.Column("metric_id", sa.String(40), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("problem", sa.JSON, nullable=True),
        sa.Column("correlation_id", sa.String(64), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("metric_id", "started_at", name="pk_past_attempts"),
        sa.ForeignKeyConstraint(
            ["metric_id"],
            ["metrics.id"],
            name="fk_past_attempts_metric_id",
            ondelete="CASCADE",
        ),
    )
