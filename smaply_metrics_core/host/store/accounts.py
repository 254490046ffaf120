"""Reads and writes the settings of accounts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from sqlalchemy import Connection, bindparam, exists, or_, select, union

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.host.store.dialect import upsert
from smaply_metrics_core.host.store.tables import accounts, audit, connections, metrics

_SETTINGS: Final = (
    accounts.c.zone,
    accounts.c.week_start,
    accounts.c.confidence,
    accounts.c.minimum_group,
)
_READ: Final = select(*_SETTINGS).where(accounts.c.id == bindparam("account"))


def read_account(db: Connection, account: str) -> AccountSettings:
    """Return the settings of an account, or the defaults when it has set none."""
    row = db.execute(_READ, {"account": account}).one_or_none()
    return AccountSettings(*row) if row else AccountSettings()


def write_account(db: Connection, account: str, settings: AccountSettings) -> None:
    """Store the settings of an account."""
    values = asdict(settings)
    db.execute(upsert(db, accounts, {"id": account, **values}, values))


def add_account(db: Connection, account: str) -> None:
    """Store an account with the default settings, unless its settings are stored."""
    new = {"id": account, **asdict(AccountSettings())}
    db.execute(upsert(db, accounts, new, {"id": account}))


def has_rows(db: Connection, account: str) -> bool:
    """Whether any table has a row of an account."""
    columns = (accounts.c.id, connections.c.account, metrics.c.account, audit.c.account)
    found = or_(*(exists().where(column == account) for column in columns))
    return bool(db.execute(select(found)).scalar_one())


def read_accounts(db: Connection) -> dict[str, AccountSettings]:
    """Return the settings of every account that has stored anything, by id.

    An account has no row before it changes its settings, so all tables that name one are read.
    """
    ids = union(
        select(accounts.c.id),
        select(connections.c.account),
        select(metrics.c.account),
        select(audit.c.account),
    ).subquery()
    statement = (
        select(ids.c.id, *_SETTINGS)
        .select_from(ids.outerjoin(accounts, accounts.c.id == ids.c.id))
        .order_by(ids.c.id)
    )
    why = "the operator lists all accounts"
    rows = db.execute(statement, execution_options={"every_account": why})
    return {
        account: AccountSettings(*settings) if settings[0] else AccountSettings()
        for account, *settings in rows
    }
