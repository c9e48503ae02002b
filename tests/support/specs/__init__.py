"""The clouds' own machine-readable specifications, held against every request and every answer.

One file a cloud, each with `complaints(exchange)`: one sentence for each thing the specification
does not allow. Nothing here knows our adapters or our local clouds: the operations, their paths,
their fields and their values all come from the documents and models that the clouds publish.
"""

from tests.support.specs.exchange import Exchange, complaints, operation_of

__all__ = ["Exchange", "complaints", "operation_of"]
