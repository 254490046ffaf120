"""Add versions of encrypted credentials, and why refreshes of a connection were left to others."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table and the columns; existing credentials have version 0 until encrypted again."""
    op.create_table(
        "credential_versions",
        sa.Column("connection_id", sa.String(40), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", name="pk_credential_versions"),
    )
    op.execute(
        "INSERT INTO credential_versions (connection_id, account, version) "
        "SELECT id, account, 0 FROM connections"
    )
    op.add_column("connections", sa.Column("left_at", INSTANT, nullable=True))
    op.add_column("connections", sa.Column("left_problem", sa.JSON, nullable=True))
