"""The invariants I1 to I36, as checks over a log; one small class each."""

from broker.domain.laws.audit import LAWS, Report, audit, sentences
from broker.domain.laws.law import Breach, Law

__all__ = ["LAWS", "Breach", "Law", "Report", "audit", "sentences"]
