"""Benchmarks, printed as a table; never a timed test."""
