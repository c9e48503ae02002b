"""Google Compute Engine, through google-cloud-compute.

A region is asked zone by zone, in a fixed order, and refuses when all its zones do. Names are
unique in a zone, and so a machine's name is the durable key of its purchase; the request id only
covers the time in which a first answer may have been lost.
"""

from providers.gcp.adapter import build
from providers.gcp.scout import scout

__all__ = ["build", "scout"]
