"""The marks of chart specifications, one module per chart type."""
