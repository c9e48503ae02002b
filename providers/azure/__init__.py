"""Azure, through azure-mgmt-compute.

A machine's name is the key of its purchase: one PUT under `If-None-Match: *` makes the machine
with its disk, network card and address, and deleting it deletes them. Why an allocation failed is
told only in the operation, so the operation is the handle until it has ended.
"""

from providers.azure.adapter import build
from providers.azure.scout import scout

__all__ = ["build", "scout"]
