"""Defects of the wire, one table a cloud: what is changed in an exchange, and what must be said.

Each is put into an exchange that an adapter and its local cloud really had.
"""

from tests.support.planted.change import Planted

__all__ = ["Planted"]
