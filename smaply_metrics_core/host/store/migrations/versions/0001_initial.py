"""Create the first tables: accounts, connections, metrics, values, attempts and leases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("zone", sa.String(100), nullable=False),
        sa.Column("week_start", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_table(
        "connections",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("distribution", sa.String(200), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("problem", sa.JSON, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("checked_at", INSTANT, nullable=False),
        sa.Column("refused_at", INSTANT, nullable=True),
        sa.Column("woken_at", INSTANT, nullable=True),
        sa.Column("retry_not_before", INSTANT, nullable=True),
        sa.Column("retry_said_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
        sa.UniqueConstraint("account", "source", name="uq_connections_account"),
    )
    op.create_table(
        "metrics",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("workspace", sa.String(200), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("survey_id", sa.String(400), nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("display", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_metrics"),
    )
    op.create_index("ix_metrics_survey", "metrics", ["account", "source", "survey_id"])
    op.create_table(
        "metric_values",
        sa.Column("metric_id", sa.String(40), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("tally", sa.JSON, nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("metric_id", name="pk_metric_values"),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["metrics.id"], name="fk_metric_values_metric_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "attempts",
        sa.Column("metric_id", sa.String(40), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("problem", sa.JSON, nullable=True),
        sa.PrimaryKeyConstraint("metric_id", name="pk_attempts"),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["metrics.id"], name="fk_attempts_metric_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "leases",
        sa.Column("connection_id", sa.String(40), nullable=False),
        sa.Column("survey_id", sa.String(400), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(80), nullable=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("forced_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("connection_id", "survey_id", name="pk_leases"),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name="fk_leases_connection_id",
            ondelete="CASCADE",
        ),
    )
