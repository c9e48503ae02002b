"""The facts: frozen, past tense, and never renamed. A new meaning is a new fact."""

from broker.domain.events.agreements import (
    EditionRecorded,
)
from broker.domain.events.authority import (
    KeyGranted,
    KeyRevoked,
)
from broker.domain.events.jobs import (
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    JobSubmitted,
    JobUnmet,
)
from broker.domain.events.offers import (
    AnswerReceived,
    AnswerRejected,
    HolderDefaulted,
    NoticeSent,
    NoticeTroubled,
    NoticeWritten,
    OfferAccepted,
    OfferDelivered,
    OfferFulfilled,
    OfferIssued,
    OfferLapsed,
    OfferRefused,
    OfferWithdrawn,
)
from broker.domain.events.outages import (
    BrokerDown,
    BrokerUp,
)
from broker.domain.events.places import (
    PlaceRefused,
    PlaceTroubled,
    PricesListed,
)
from broker.domain.events.purchases import (
    CommitmentFailed,
    HolderCommitted,
    LeaseActivated,
    LeaseEnded,
    ThirdPartyCommitted,
)
from broker.domain.events.releases import (
    ReleaseExpired,
    UnitsReleased,
)

__all__ = [
    "AnswerReceived",
    "AnswerRejected",
    "BrokerDown",
    "BrokerUp",
    "CommitmentFailed",
    "EditionRecorded",
    "HolderCommitted",
    "HolderDefaulted",
    "JobCancelled",
    "JobFailed",
    "JobFinished",
    "JobStarted",
    "JobSubmitted",
    "JobUnmet",
    "KeyGranted",
    "KeyRevoked",
    "LeaseActivated",
    "LeaseEnded",
    "NoticeSent",
    "NoticeTroubled",
    "NoticeWritten",
    "OfferAccepted",
    "OfferDelivered",
    "OfferFulfilled",
    "OfferIssued",
    "OfferLapsed",
    "OfferRefused",
    "OfferWithdrawn",
    "PlaceRefused",
    "PlaceTroubled",
    "PricesListed",
    "ReleaseExpired",
    "ThirdPartyCommitted",
    "UnitsReleased",
]
