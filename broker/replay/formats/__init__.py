"""Traces of other clusters, read as rows of our own `jobs.csv`."""

from broker.replay.formats.choose import Rows, foreign_rows

__all__ = ["Rows", "foreign_rows"]
