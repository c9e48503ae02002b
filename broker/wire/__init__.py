"""The JSON we speak: strict models of what is asked, and the views that are answered."""

from broker.wire.answers import AnswerBody, CounterBody, HoldBody, JudgementView
from broker.wire.calls import (
    BatchItem,
    BatchSubmit,
    CancelBody,
    CancelledView,
    CancelMany,
    SubmittedBatch,
    SubmittedJob,
)
from broker.wire.jobs import Batch, Inference, JobSpec, Training, read_job
from broker.wire.keys import GrantBody, GrantedView, KeyPage, KeyView, RevokeBody
from broker.wire.problems import Fault, Problem, problem_of
from broker.wire.resources import Limits, Resources
from broker.wire.views import (
    ChunkPage,
    ChunkView,
    FactPage,
    FactView,
    FleetView,
    Health,
    JobPage,
    JobView,
    MachineView,
    OfferPage,
    OfferView,
    PlaceView,
    Stage,
)

__all__ = [
    "AnswerBody",
    "Batch",
    "BatchItem",
    "BatchSubmit",
    "CancelBody",
    "CancelMany",
    "CancelledView",
    "ChunkPage",
    "ChunkView",
    "CounterBody",
    "FactPage",
    "FactView",
    "Fault",
    "FleetView",
    "GrantBody",
    "GrantedView",
    "Health",
    "HoldBody",
    "Inference",
    "JobPage",
    "JobSpec",
    "JobView",
    "JudgementView",
    "KeyPage",
    "KeyView",
    "Limits",
    "MachineView",
    "OfferPage",
    "OfferView",
    "PlaceView",
    "Problem",
    "Resources",
    "RevokeBody",
    "Stage",
    "SubmittedBatch",
    "SubmittedJob",
    "Training",
    "problem_of",
    "read_job",
]
