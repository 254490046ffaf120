"""The marks that a chart specification is composed of, one module per chart type."""
