"""Add the definitions of questions that refreshes found."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table, which is empty: earlier changes are not known."""
    op.create_table(
        "question_versions",
        sa.Column("connection_id", sa.String(40), nullable=False),
        sa.Column("survey_id", sa.String(400), nullable=False),
        sa.Column("question_id", sa.String(400), nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint(
            "connection_id", "survey_id", "question_id", "first_seen", name="pk_question_versions"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id", "survey_id"],
            ["leases.connection_id", "leases.survey_id"],
            name="fk_question_versions_connection_id",
            ondelete="CASCADE",
        ),
    )
