"""The JSON we speak: strict models of what is asked, and the views that are answered."""

from broker.wire.answers import AnswerBody, HoldBody, JudgementView
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
    "FactPage",
    "FactView",
    "Fault",
    "FleetView",
    "Health",
    "HoldBody",
    "Inference",
    "JobPage",
    "JobSpec",
    "JobView",
    "JudgementView",
    "Limits",
    "MachineView",
    "OfferPage",
    "OfferView",
    "PlaceView",
    "Problem",
    "Resources",
    "Stage",
    "SubmittedBatch",
    "SubmittedJob",
    "Training",
    "problem_of",
    "read_job",
]
