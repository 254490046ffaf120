"""The template of a new source, and the generator of ``smaply-metrics source new``."""
