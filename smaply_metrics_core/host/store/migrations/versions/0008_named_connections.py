"""Allow several connections of one source in an account; each metric belongs to one of them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Assign each metric to the connection of its source, and drop the unique constraint.

    Metrics whose source is not connected get an id that no connection has.
    """
    for name in ("connection_id", "moved_to"):
        op.add_column("metrics", sa.Column(name, sa.String(40), nullable=False, server_default=""))
    op.execute(
        "UPDATE metrics SET connection_id = coalesce((SELECT connections.id FROM connections "
        "WHERE connections.account = metrics.account "
        "AND connections.source = metrics.source), 'con_none')"
    )
    op.drop_index("ix_metrics_survey", "metrics")
    op.create_index("ix_metrics_survey", "metrics", ["account", "connection_id", "survey_id"])
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_connections()
    else:
        op.drop_constraint("uq_connections_account", "connections", type_="unique")
        # A process of an earlier release must not add metrics without a connection.
        op.alter_column("metrics", "connection_id", server_default=None)
    op.create_index("ix_connections_account", "connections", ["account"])


def _rebuild_connections() -> None:
    """Copy the table, because SQLite cannot drop a constraint.

    Dropping the old table also deletes the rows that refer to it, so the leases are copied back.
    """
    op.create_table(
        "connections_copy",
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
        sa.Column("down_since", INSTANT, nullable=True),
        sa.Column("name", sa.String(200), nullable=False, server_default=""),
        sa.Column("left_at", INSTANT, nullable=True),
        sa.Column("left_problem", sa.JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
    )
    for statement in (
        "INSERT INTO connections_copy SELECT * FROM connections",
        "CREATE TEMPORARY TABLE leases_copy AS SELECT * FROM leases",
        "DROP TABLE connections",
        "ALTER TABLE connections_copy RENAME TO connections",
        "INSERT INTO leases SELECT * FROM leases_copy",
        "DROP TABLE leases_copy",
    ):
        op.execute(statement)
