"""Buys GPU capacity under a right of first refusal, and proves that the right was kept.

The names here are loaded when they are first used: `import broker` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from broker.client.broker import Broker, JobGroup
    from broker.client.errors import (
        BrokerError,
        BrokerUnavailable,
        InvalidJob,
        JobCancelled,
        JobFailed,
        KeyTaken,
        NoCapacity,
        NotAuthorised,
        NotFound,
    )
    from broker.client.handle import JobHandle, LogLine, Outcome
    from broker.wire import Batch, Inference, Limits, Resources, Retry, Training

__all__ = [
    "Batch",
    "Broker",
    "BrokerError",
    "BrokerUnavailable",
    "Inference",
    "InvalidJob",
    "JobCancelled",
    "JobFailed",
    "JobGroup",
    "JobHandle",
    "KeyTaken",
    "Limits",
    "LogLine",
    "NoCapacity",
    "NotAuthorised",
    "NotFound",
    "Outcome",
    "Resources",
    "Retry",
    "Training",
]

_HOMES = {
    "broker.client.broker": ("Broker", "JobGroup"),
    "broker.client.handle": ("JobHandle", "LogLine", "Outcome"),
    "broker.wire": ("Batch", "Inference", "Limits", "Resources", "Retry", "Training"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in __all__:
        raise AttributeError(f"module 'broker' has no attribute {name!r}")
    homes = (home for home, names in _HOMES.items() if name in names)
    return getattr(import_module(next(homes, "broker.client.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
