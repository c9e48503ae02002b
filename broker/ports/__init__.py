"""The holes in the wall: what the steps need of the world, and what an adapter must keep to."""

from broker.ports.desk import Post, Posted, Took, Unheard, Untold, Webhook
from broker.ports.inputs import KeyTakenError, Lock, LogChunk, SubmissionKey
from broker.ports.lanes import Lanes, OneByOne
from broker.ports.provider import (
    Fault,
    FaultKind,
    Gone,
    Held,
    Holder,
    Launching,
    Order,
    Outcome,
    OwnedMachine,
    Provider,
    Refused,
    Running,
    Unsure,
)
from broker.ports.scout import Scout
from broker.ports.store import Store, Transaction, Upcoming
from broker.ports.world import Clock, Ids

__all__ = [
    "Clock",
    "Fault",
    "FaultKind",
    "Gone",
    "Held",
    "Holder",
    "Ids",
    "KeyTakenError",
    "Lanes",
    "Launching",
    "Lock",
    "LogChunk",
    "OneByOne",
    "Order",
    "Outcome",
    "OwnedMachine",
    "Post",
    "Posted",
    "Provider",
    "Refused",
    "Running",
    "Scout",
    "Store",
    "SubmissionKey",
    "Took",
    "Transaction",
    "Unheard",
    "Unsure",
    "Untold",
    "Upcoming",
    "Webhook",
]
