"""The real steps under a virtual clock, over recorded work and recorded capacity."""
