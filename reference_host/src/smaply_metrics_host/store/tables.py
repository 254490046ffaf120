"""The tables of the host app. Each row belongs to an account."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(200), nullable=False),
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("name", String(200), nullable=False),
    UniqueConstraint("account", "name"),
)

people = Table(
    "people",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("role", Integer, nullable=False),
    UniqueConstraint("account", "name"),
)

# Only the digests of the tokens of invitations and sessions are stored, so the file grants no
# access. Times are seconds since the epoch.
invitations = Table(
    "invitations",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", Float, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)

maps = Table(
    "maps",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("workspace", ForeignKey("workspaces.id"), nullable=False),
    Column("name", String(300), nullable=False),
    Column("created_at", Float, nullable=False),
)

stages = Table(
    "stages",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("map", ForeignKey("maps.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(300), nullable=False),
    Column("position", Integer, nullable=False),
)

lanes = Table(
    "lanes",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("map", ForeignKey("maps.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(300), nullable=False),
    # "text" or "data"
    Column("kind", String(10), nullable=False),
    Column("position", Integer, nullable=False),
)

texts = Table(
    "texts",
    metadata,
    Column("lane", ForeignKey("lanes.id", ondelete="CASCADE"), primary_key=True),
    Column("stage", ForeignKey("stages.id", ondelete="CASCADE"), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("map", ForeignKey("maps.id", ondelete="CASCADE"), nullable=False),
    Column("text", Text, nullable=False),
)

cards = Table(
    "cards",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("map", ForeignKey("maps.id", ondelete="CASCADE"), nullable=False),
    Column("lane", ForeignKey("lanes.id", ondelete="CASCADE"), nullable=False),
    Column("stage", ForeignKey("stages.id", ondelete="CASCADE"), nullable=False),
    # The id of a metric in the framework's store, where it may have been deleted.
    Column("metric", String(60), nullable=False),
    # Copied from the metric's display defaults when the card was placed.
    Column("display", JSON, nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_cards_metric", "account", "metric"),
)

# Links with which people without an account read a map. Only the digest of the token is stored.
share_links = Table(
    "share_links",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("map", ForeignKey("maps.id", ondelete="CASCADE"), nullable=False),
    # Who created it; null once this person is removed or erased.
    Column("person", ForeignKey("people.id", ondelete="SET NULL")),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Index("ix_share_links_map", "account", "map"),
)

# Whether the maps of an account may be shared with links; without a row, they may.
sharing_settings = Table(
    "sharing_settings",
    metadata,
    Column("account", ForeignKey("accounts.id"), primary_key=True),
    Column("allowed", Boolean, nullable=False),
)

# What Editors removed from maps, so that they can undo it: the rows, as they were.
removals = Table(
    "removals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("map", ForeignKey("maps.id", ondelete="CASCADE"), nullable=False),
    # "stage", "lane" or "card"
    Column("kind", String(10), nullable=False),
    Column("name", String(300), nullable=False),
    Column("content", JSON, nullable=False),
    Column("removed_at", Float, nullable=False),
)
