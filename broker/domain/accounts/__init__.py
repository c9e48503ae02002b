"""Accounts: waits, scorecards, meters and shares, each added up from facts in one pass."""
