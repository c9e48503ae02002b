"""Oracle Cloud Infrastructure, through oci.

A region is asked one availability domain after the other, in a fixed order, and refuses when all
of them do. A name is not unique here: the retry token makes two launches one, and since it is
forgotten after a day, or once its machine is gone, the list by name stands behind it.
"""

from providers.oracle.adapter import build
from providers.oracle.scout import scout

__all__ = ["build", "scout"]
