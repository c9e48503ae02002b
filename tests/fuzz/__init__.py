"""Random histories of the real steps, and the audit that judges their logs alone."""
