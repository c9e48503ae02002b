"""The Python API: talks to a broker over HTTP, and carries no server inside.

It stands on the standard library's HTTP client: a whole client library would take half of the
time that `broker ps` may take to start.
"""

from broker.client.broker import Broker, JobGroup
from broker.client.errors import (
    BrokerError,
    BrokerUnavailable,
    InvalidJob,
    JobCancelled,
    JobFailed,
    NoCapacity,
    NotAuthorised,
    NotFound,
)
from broker.client.handle import JobHandle, LogLine, Outcome

__all__ = [
    "Broker",
    "BrokerError",
    "BrokerUnavailable",
    "InvalidJob",
    "JobCancelled",
    "JobFailed",
    "JobGroup",
    "JobHandle",
    "LogLine",
    "NoCapacity",
    "NotAuthorised",
    "NotFound",
    "Outcome",
]
