"""For host apps: connections kept safe, metrics, and cards that are right and quick.

>>> settings = Settings.from_environment(home, account="acme")
>>> with MetricsHost(settings) as host:
...     cards = host.cards.load(Actor("acme", "vera", Role.VIEWER))
"""

from smaply_metrics_core.calculations.who import who_answered, who_counts
from smaply_metrics_core.host.actors import Actor, Role
from smaply_metrics_core.host.debugging import DebugBundle
from smaply_metrics_core.host.service import MetricsHost
from smaply_metrics_core.host.settings import Deadlines, Settings
from smaply_metrics_core.host.store.connections import AccountSettings
from smaply_metrics_core.host.views import (
    ConnectionStatus,
    ConnectionView,
    DeletedConnection,
    FieldView,
)
from smaply_metrics_core.models.metric import Card, ChartType, Display, Freshness, Metric
from smaply_metrics_core.models.result import Change, GroupValue, Measured, Result, Unit
from smaply_metrics_core.refresh import Decision, DecisionKind, RefreshPolicy
from smaply_metrics_core.sources import AllowedDestinations, SourceSettings

__all__ = [
    "AccountSettings",
    "Actor",
    "AllowedDestinations",
    "Card",
    "Change",
    "ChartType",
    "ConnectionStatus",
    "ConnectionView",
    "Deadlines",
    "DebugBundle",
    "Decision",
    "DecisionKind",
    "DeletedConnection",
    "Display",
    "FieldView",
    "Freshness",
    "GroupValue",
    "Measured",
    "Metric",
    "MetricsHost",
    "RefreshPolicy",
    "Result",
    "Role",
    "Settings",
    "SourceSettings",
    "Unit",
    "who_answered",
    "who_counts",
]
