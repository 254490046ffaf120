"""The tables of the store. Migrations create them; a test compares the two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
)


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC; SQLite stores no time zone, so reading adds it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC; raise for a naive time, which is ambiguous."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """Return the function that reads a stored value; for SQLite, in one step."""
        return _read_utc if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Return the instant in UTC."""
        return None if value is None else value.astimezone(UTC)


def _read_utc(text: str | None) -> datetime | None:
    """Return the instant of a text that SQLite stores without its time zone."""
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(200), nullable=False),
    Column("zone", String(100), nullable=False),
    Column("week_start", Integer, nullable=False),
    # The level of confidence in percent.
    Column("confidence", Float, nullable=False, server_default="95"),
    # The fewest answers of a group that is shown; 0 shows all groups.
    Column("minimum_group", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("id"),
)

connections = Table(
    "connections",
    metadata,
    Column("id", String(40), nullable=False),
    Column("account", String(200), nullable=False),
    Column("source", String(200), nullable=False),
    # The distribution that provided the source; for another one, credentials are entered again.
    Column("distribution", String(200), nullable=False),
    Column("sealed", Text, nullable=False),
    # Incremented by each change of the credentials, to detect concurrent edits.
    Column("version", Integer, nullable=False),
    Column("report", JSON, nullable=False),
    Column("problem", JSON, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("checked_at", Instant, nullable=False),
    # When the credentials were last rejected; not cleared when they work again.
    Column("refused_at", Instant, nullable=True),
    # When the credentials were changed or worked again after that; empty while they are rejected.
    Column("woken_at", Instant, nullable=True),
    # The survey tool's Retry-After, and when it was received.
    Column("retry_not_before", Instant, nullable=True),
    Column("retry_said_at", Instant, nullable=True),
    # Since when the connection is down; empty while it is up. Each change is logged once.
    Column("down_since", Instant, nullable=True),
    # Unique in the account, ignoring case. Empty in rows of earlier releases: the source's title.
    Column("name", String(200), nullable=False, server_default=""),
    # Why a process left the last refresh to others, and when; empty after the next attempt.
    Column("left_at", Instant, nullable=True),
    Column("left_problem", JSON, nullable=True),
    # A hash of the host and port; empty before the first use and for a folder.
    Column("server", String(32), nullable=False, server_default=""),
    # How many surveys an Admin has chosen for metrics; empty when all may be used.
    Column("chosen_count", Integer, nullable=True),
    # Incremented by each change of the choice, to detect concurrent edits.
    Column("choice_version", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("id"),
    Index("ix_connections_account", "account"),
    Index("ix_connections_server", "server"),
)

# Empty for a connection whose surveys may all be used.
chosen_surveys = Table(
    "chosen_surveys",
    metadata,
    Column("connection_id", String(40), nullable=False),
    Column("survey_id", String(400), nullable=False),
    Column("account", String(200), nullable=False),
    # Its name when it was chosen, which the source no longer knows once the survey is deleted.
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("connection_id", "survey_id"),
    ForeignKeyConstraint(["connection_id"], ["connections.id"], ondelete="CASCADE"),
)

# Not in `connections`, so that restoring an old row does not restore its version too.
credential_versions = Table(
    "credential_versions",
    metadata,
    Column("connection_id", String(40), nullable=False),
    Column("account", String(200), nullable=False),
    # Authenticated with the credentials; 0 while they are in the format without versions.
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("connection_id"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("id", String(40), nullable=False),
    Column("account", String(200), nullable=False),
    Column("workspace", String(200), nullable=False),
    Column("name", String(300), nullable=False),
    Column("source", String(200), nullable=False),
    # No foreign key: the id of a deleted connection stays until another one adopts the metric.
    Column("connection_id", String(40), nullable=False),
    # The connection that an Editor moved it to, if any. It is a part of the fingerprint, so that
    # values of the connection before are never shown.
    Column("moved_to", String(40), nullable=False, server_default=""),
    # A copy from the definition, for the index.
    Column("survey_id", String(400), nullable=False),
    Column("definition", JSON, nullable=False),
    # The names and texts of the questions, which the source no longer knows once they are deleted.
    Column("questions", JSON, nullable=False, server_default="{}"),
    Column("display", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("id"),
    Index("ix_metrics_survey", "account", "connection_id", "survey_id"),
    Index("ix_metrics_account", "account", "id"),
)

metric_values = Table(
    "metric_values",
    metadata,
    Column("metric_id", String(40), nullable=False),
    Column("account", String(200), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("result", JSON, nullable=False),
    Column("tally", JSON, nullable=False),
    Column("as_of", Instant, nullable=False),
    PrimaryKeyConstraint("metric_id"),
    ForeignKeyConstraint(["metric_id"], ["metrics.id"], ondelete="CASCADE"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("metric_id", String(40), nullable=False),
    Column("account", String(200), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
    Column("failed", Boolean, nullable=False),
    Column("problem", JSON, nullable=True),
    PrimaryKeyConstraint("metric_id"),
    ForeignKeyConstraint(["metric_id"], ["metrics.id"], ondelete="CASCADE"),
)

# The last attempts that ended or were interrupted, a few of each metric. The running one is only in
# `attempts`.
past_attempts = Table(
    "past_attempts",
    metadata,
    Column("metric_id", String(40), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("account", String(200), nullable=False),
    # Empty when its process died.
    Column("ended_at", Instant, nullable=True),
    # Empty when it succeeded or was interrupted.
    Column("problem", JSON(none_as_null=True), nullable=True),
    Column("correlation_id", String(64), nullable=False, server_default=""),
    PrimaryKeyConstraint("metric_id", "started_at"),
    ForeignKeyConstraint(["metric_id"], ["metrics.id"], ondelete="CASCADE"),
)

leases = Table(
    "leases",
    metadata,
    Column("connection_id", String(40), nullable=False),
    Column("survey_id", String(400), nullable=False),
    Column("account", String(200), nullable=False),
    Column("owner", String(80), nullable=True),
    Column("fence", Integer, nullable=False),
    Column("expires_at", Instant, nullable=True),
    # When an Editor last requested a refresh of this survey.
    Column("forced_at", Instant, nullable=True),
    # The start of the running refresh, and its progress in percent if known.
    Column("started_at", Instant, nullable=True),
    Column("percent", Float, nullable=True),
    PrimaryKeyConstraint("connection_id", "survey_id"),
    ForeignKeyConstraint(["connection_id"], ["connections.id"], ondelete="CASCADE"),
)

history = Table(
    "history",
    metadata,
    Column("metric_id", String(40), nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("account", String(200), nullable=False),
    # Of the definition and time zone: values of others are not part of the same history.
    Column("fingerprint", String(64), nullable=False),
    Column("unit", String(20), nullable=False),
    Column("value", Float, nullable=True),
    Column("responses", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    # At the level of confidence of that time; empty without one, and in older rows.
    Column("interval", JSON(none_as_null=True), nullable=True),
    # As in WindowResult; empty if each respondent gave one answer, and in older rows.
    Column("fewest_respondents", Integer, nullable=True),
    # The fewest answers that the filters removed; empty without filters, and if not counted.
    Column("filtered_out", Integer, nullable=True),
    PrimaryKeyConstraint("metric_id", "as_of"),
    ForeignKeyConstraint(["metric_id"], ["metrics.id"], ondelete="CASCADE"),
)

# What refreshes found, to detect changes of questions. The key is that of the lease, whose row a
# refresh has locked when it writes; one of the connection could deadlock with its deletion.
question_versions = Table(
    "question_versions",
    metadata,
    Column("connection_id", String(40), nullable=False),
    Column("survey_id", String(400), nullable=False),
    Column("question_id", String(400), nullable=False),
    # When the data of the first and the last refresh with this definition was read.
    Column("first_seen", Instant, nullable=False),
    Column("account", String(200), nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("definition", JSON, nullable=False),
    PrimaryKeyConstraint("connection_id", "survey_id", "question_id", "first_seen"),
    ForeignKeyConstraint(
        ["connection_id", "survey_id"],
        ["leases.connection_id", "leases.survey_id"],
        ondelete="CASCADE",
    ),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, nullable=False, autoincrement=True),
    Column("account", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("user", String(200), nullable=False),
    Column("action", String(40), nullable=False),
    # The id of the object of the action.
    Column("subject", String(400), nullable=False),
    # The name of the object at that time, or other details; never a secret.
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("id"),
    Index("ix_audit_account", "account", "id"),
    Index("ix_audit_at", "at"),
)

# Only of accounts whose limits differ from the settings of the operator.
account_limits = Table(
    "account_limits",
    metadata,
    Column("account", String(200), nullable=False),
    # Each is empty if the setting applies, and 0 if there is no limit.
    Column("max_connections", Integer, nullable=True),
    Column("max_metrics", Integer, nullable=True),
    Column("max_exports_per_hour", Integer, nullable=True),
    PrimaryKeyConstraint("account"),
)

# Only while the exports of an account are limited.
export_counts = Table(
    "export_counts",
    metadata,
    Column("account", String(200), nullable=False),
    # The start of the hour of the last export, and the exports in that hour.
    Column("hour", Instant, nullable=False),
    Column("exports", Integer, nullable=False),
    PrimaryKeyConstraint("account"),
)

# The outbox: events of all accounts in the order in which they were committed. Written only while
# there is a consumer, and deleted when each consumer has passed them.
events = Table(
    "events",
    metadata,
    # Never used again after its row was deleted, so that no consumer skips a new event. For this,
    # the migration has sqlite_autoincrement, which would load a dialect here.
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        nullable=False,
        autoincrement=True,
    ),
    Column("account", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("connection_id", String(40), nullable=False),
    # What the event is about: see MetricsEvent.
    Column("details", JSON, nullable=False),
    PrimaryKeyConstraint("id"),
    Index("ix_events_account", "account"),
    Index("ix_events_at", "at"),
)

# Of the installation, not of an account.
event_consumers = Table(
    "event_consumers",
    metadata,
    Column("name", String(200), nullable=False),
    # The id of the last event that it has processed.
    Column("position", BigInteger, nullable=False),
    # The process that delivers to it, until it releases the lease or the lease expires.
    Column("owner", String(80), nullable=True),
    Column("expires_at", Instant, nullable=True),
    # The time of the newest event that was deleted before it was processed.
    Column("lost_until", Instant, nullable=True),
    PrimaryKeyConstraint("name"),
)
