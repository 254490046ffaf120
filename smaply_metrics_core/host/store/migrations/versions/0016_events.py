"""Add the events for host apps, and the consumers that receive them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, which are empty: events are recorded once there is a consumer."""
    op.create_table(
        "events",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("connection_id", sa.String(40), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_account", "events", ["account"])
    op.create_index("ix_events_at", "events", ["at"])
    op.create_table(
        "event_consumers",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(80), nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("lost_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_event_consumers"),
    )
