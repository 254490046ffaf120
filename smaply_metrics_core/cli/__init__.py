"""The command ``smaply-metrics``: the main job from a terminal or a script."""

from smaply_metrics_core.cli.app import main

__all__ = ["main"]
