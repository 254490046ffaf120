"""The distribution that ``smaply-metrics new-source`` writes, and how it is written."""
