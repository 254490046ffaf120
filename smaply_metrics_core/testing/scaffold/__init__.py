"""The distribution that ``smaply-metrics source new`` writes, and how it is written."""
