"""Add the surveys of a connection that an Admin has chosen for metrics."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table and the columns; all surveys of existing connections may be used."""
    op.add_column("connections", sa.Column("chosen_count", sa.Integer, nullable=True))
    op.add_column(
        "connections",
        sa.Column("choice_version", sa.Integer, nullable=False, server_default="1"),
    )
    op.create_table(
        "chosen_surveys",
        sa.Column("connection_id", sa.String(40), nullable=False),
        sa.Column("survey_id", sa.String(400), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "survey_id", name="pk_chosen_surveys"),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name="fk_chosen_surveys_connection_id",
            ondelete="CASCADE",
        ),
    )
