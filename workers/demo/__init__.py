"""A minute of mixed work on four local clouds; everything it shows, it reads from the log."""

from workers.demo.play import demo

__all__ = ["demo"]
