"""Keep cases together with the registers of their agreements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from broker.domain.case import Case
from broker.domain.event import Event
from broker.domain.learning import concerns, learn
from broker.domain.register import Register
from broker.ports import Lock, Transaction


@dataclass(slots=True)
class Registers:
    """The registers that one transaction writes, each taken for update once."""

    tx: Transaction
    taken: dict[str, Register] = field(default_factory=dict)
    told: dict[str, list[Event]] = field(default_factory=dict)

    def take(self, agreements: Iterable[str], lock: Lock = Lock.DRAW) -> Mapping[str, Register]:
        missing = set(agreements) - self.taken.keys()
        if missing:
            self.taken |= self.tx.registers(sorted(missing), lock)
        return self.taken

    def change(
        self,
        agreement: str,
        by: Callable[[Register], tuple[Register, list[Event]]],
        lock: Lock = Lock.DRAW,
    ) -> Register:
        """Take it if it is not taken yet, and note what it has become."""
        before = self.take([agreement], lock)[agreement]
        after, told = by(before)
        if after is not before:
            self.taken[agreement] = after
            self.told.setdefault(agreement, [])
        if told:
            self.told.setdefault(agreement, []).extend(told)
        return after

    def keep(self, cases: Iterable[Case]) -> None:
        """Write the cases, and what their facts and the changes so far mean for registers.

        Where the head of a line is over, the next of it heads it.
        """
        known = list(cases)
        concerned = [case for case in known if concerns(case)]
        if concerned:
            self.take({case.job.agreement for case in concerned})
        for case in concerned:
            self.change(case.job.agreement, partial(learn, case=case))
        self.tx.keep(known)
        if ended := {case.job.line: 1 for case in known if case.job.stuck and case.job.state.over}:
            self.tx.call_up(ended)
        for agreement, told in self.told.items():
            self.tx.put_register(self.taken[agreement], told)


def keep(tx: Transaction, cases: Iterable[Case]) -> None:
    Registers(tx).keep(cases)
