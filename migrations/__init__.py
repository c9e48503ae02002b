"""The database's history: forward only, additive first."""
