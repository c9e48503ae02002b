"""What follows from each fact: the whole wiring of events on one page.

A reaction is a nudge, and a nudge is a hint: a task begins by asking the rows what is due, so one
that is lost costs time only, and one too many finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from broker.domain import events
from broker.domain.event import Event
from broker.domain.values import ProviderName


class Task(StrEnum):
    """What a worker can be nudged to do."""

    PLACE = "place"
    OFFERS = "offers"
    ANNOUNCE = "announce"
    PROVISION = "provision"
    RECONCILE = "reconcile"
    SCOUT = "scout"
    SWEEP = "sweep"

    @property
    def by_cloud(self) -> bool:
        """Whether the task is done for one cloud at a time, in that cloud's own queue."""
        return self in (Task.PROVISION, Task.RECONCILE, Task.SCOUT)


class Nudge(NamedTuple):
    task: Task
    provider: ProviderName | None = None

    @property
    def queue(self) -> str:
        """Where it is put: each cloud has a queue of its own, so that none waits for another."""
        if self.provider is not None:
            return f"{Task.PROVISION.value}.{self.provider.value}"
        return self.task.value


_NOTHING: Final[tuple[Task, ...]] = ()
_PLACE: Final = (Task.PLACE,)
_BUY: Final = (Task.PROVISION,)

REACTIONS: Final[Mapping[type[Event], tuple[Task, ...]]] = {
    events.JobSubmitted: _PLACE,
    events.JobAmended: (Task.PLACE, Task.PROVISION),
    # An offer to the automatic desk begins by asking the holder's cloud for machines. While its
    # window is open, the clouds are looked into that may be asked when it is over.
    events.OfferIssued: (Task.PROVISION, Task.SCOUT),
    # Where the desk has a webhook; a queue of its own, so that no window waits for its answer.
    events.NoticeWritten: (Task.ANNOUNCE,),
    events.NoticeSent: _NOTHING,
    events.NoticeTroubled: _NOTHING,
    events.OfferDelivered: _NOTHING,
    events.OfferTolled: _NOTHING,
    # The next place is asked, and what waited for this one goes its way.
    events.PlaceRefused: (Task.PROVISION, Task.PLACE),
    events.PlaceTroubled: _PLACE,
    events.PlaceAdvised: _NOTHING,
    events.CoolDownCleared: (Task.PLACE, Task.PROVISION),
    events.OrphanFound: _NOTHING,
    events.OrphanEnded: _NOTHING,
    events.AnswerReceived: _NOTHING,
    events.AnswerRejected: _NOTHING,
    events.OfferAccepted: _BUY,
    events.OfferRefused: _PLACE,
    events.OfferLapsed: (Task.PLACE, Task.PROVISION),
    events.OfferWithdrawn: (Task.PLACE, Task.PROVISION),
    events.OfferFulfilled: _NOTHING,
    events.HolderDefaulted: (Task.PLACE, Task.PROVISION),
    events.UnitsReleased: _PLACE,
    events.ReleaseExpired: _PLACE,
    events.ThirdPartyCommitted: _BUY,
    events.HolderCommitted: _BUY,
    events.CommitmentFailed: (Task.PLACE, Task.PROVISION),
    events.LeaseActivated: _NOTHING,
    events.LeaseBilled: _NOTHING,
    # The machine that bore it is ended now; a unit that was lost is placed again.
    events.LeaseEnded: (Task.PROVISION, Task.PLACE),
    events.UnitStarted: _NOTHING,
    # What is left of its machine is ended when its command has stopped.
    events.LeaseFenced: _BUY,
    events.LeaseRenewed: _NOTHING,
    events.InterruptionNoticed: _BUY,
    events.RenewalDue: _PLACE,
    events.ReclaimAsked: _PLACE,
    events.ReclaimRefused: _NOTHING,
    events.MigrationBegun: _BUY,
    events.MigrationAborted: _PLACE,
    events.JobStarted: _NOTHING,
    events.JobFinished: _BUY,
    events.JobFailed: _BUY,
    events.JobCancelled: _BUY,
    events.JobUnmet: _BUY,
    events.EditionRecorded: (Task.PLACE, Task.OFFERS),
    events.DiscrepancyFound: _NOTHING,
    events.KeyGranted: _NOTHING,
    events.KeyRevoked: _NOTHING,
    events.QuoteReceived: _NOTHING,
    events.QuoteWithdrawn: (Task.PLACE, Task.PROVISION),
    events.ShareBelow: _NOTHING,
    events.PricesListed: _NOTHING,
    # What opens a way lets those that are due take it; what closes one is seen in the next round.
    events.ConditionAttested: _PLACE,
    events.ConflictLifted: _PLACE,
    events.ConflictRecorded: _NOTHING,
    events.ConsentRecorded: _PLACE,
    events.ConsentRevoked: _NOTHING,
    events.HolderProbed: _NOTHING,
    events.HolderRecovered: _PLACE,
    events.HolderUnavailable: _PLACE,
    events.JobHeld: _NOTHING,
    events.RecordRefused: _NOTHING,
    events.RightSuspended: _PLACE,
    events.StakeRecorded: _NOTHING,
    events.StandingAcceptanceGiven: _PLACE,
    events.StandingAcceptanceRevoked: _NOTHING,
    events.WaiverGranted: _PLACE,
    events.WaiverRevoked: _NOTHING,
    events.BrokerDown: _NOTHING,
    events.BrokerUp: _NOTHING,
}

BY_NAME: Final[Mapping[str, tuple[Task, ...]]] = {
    kind.__name__: tasks for kind, tasks in REACTIONS.items()
}
"""The same by a fact's type, as the log says it."""
