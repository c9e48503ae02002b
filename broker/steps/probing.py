"""Every call to a holder's cloud is a probe too: it shows whether anybody answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from broker.domain import right
from broker.domain.case import Case
from broker.domain.event import Event
from broker.domain.machine import Machine
from broker.domain.offer import OfferKind, OfferState
from broker.domain.offering import withdraw
from broker.domain.register import Register
from broker.domain.unavailability import Health, Probe, answered, unanswered
from broker.domain.values import ProviderName
from broker.ports import Fault, FaultKind, Gone, Held, Launching, Lock, Refused, Running, Unsure
from broker.steps.keeping import Registers
from broker.steps.rulebook import Rulebook

NOT_THERE: Final = "holder unavailable"
"""Why an offer is withdrawn that can reach nobody; its units are let go by the evidence."""
_WELL: Final = Health()
_NOBODY: Final = frozenset({FaultKind.UNREACHABLE, FaultKind.TRANSIENT})
"""Faults that no credential, no request and no haste of ours can have caused."""


def _says(answer: object) -> bool | None:
    """Whether somebody answered; None where it shows neither."""
    match answer:
        case Launching() | Running() | Refused() | Gone() | Held():
            return True
        case Fault(kind=kind):
            return False if kind in _NOBODY else None
        case Unsure():
            return False
        case _:
            return None


class Probing:
    """Notes what the calls of one transaction show of the holders' endpoints."""

    def __init__(self, registers: Registers, rules: Rulebook) -> None:
        self.registers, self.rules = registers, rules
        self.read: dict[str, Register] = {}
        self.evidence: dict[tuple[str, ProviderName], right.Unavailability | None] = {}

    def heard(self, case: Case, machine: Machine, answer: object) -> None:
        """A call about a machine has ended."""
        said, agreement = _says(answer), case.job.agreement
        if said is None or (said and self._known(agreement).health == _WELL):
            return
        evidence = self._evidence(agreement, machine.place.provider)
        if evidence is None:
            return
        probe = self._probe(agreement, machine.place.provider, case.new_id)
        if said:
            self._note(agreement, partial(_answered, probe=probe))
            return
        code = answer.code if isinstance(answer, Fault) else "no answer"
        unheard = partial(
            _unanswered, evidence=evidence, probe=probe, code=code, new_id=case.new_id
        )
        if self._note(agreement, unheard).health.unavailable is not None:
            self._call_off(case, machine)

    def listed(self, provider: ProviderName, new_id: Callable[[str], str]) -> None:
        """The cloud has said what it runs for us."""
        for agreement in self.rules.agreements:
            if self._evidence(agreement, provider) is not None:
                probe = self._probe(agreement, provider, new_id)
                self._note(agreement, partial(_answered, probe=probe))

    def _evidence(self, agreement: str, provider: ProviderName) -> right.Unavailability | None:
        """What it takes to call this holder unavailable; None: it is none, or nothing does."""
        key = (agreement, provider)
        if key not in self.evidence:
            edition = self.rules.edition(agreement, self.registers.tx.now)
            rights = (c.right for c in edition.clauses if c.right) if edition else ()
            rules = (r.unavailability for r in rights if r.unavailability)
            held = edition is not None and edition.holds(provider)
            self.evidence[key] = next(rules, None) if held else None
        return self.evidence[key]

    def _probe(
        self, agreement: str, provider: ProviderName, new_id: Callable[[str], str]
    ) -> Callable[[], Probe]:
        return lambda: Probe(
            id=new_id("probe"),
            agreement=agreement,
            provider=provider.value,
            vantage=self.rules.vantage,
            at=self.registers.tx.now,
        )

    def _note(
        self, agreement: str, by: Callable[[Register], tuple[Register, list[Event]]]
    ) -> Register:
        """Lock the register only if it will have changed."""
        known = self._known(agreement)
        if by(known)[0] is known:
            return known
        return self.registers.change(agreement, by, Lock.CHANGE)

    def _known(self, agreement: str) -> Register:
        if agreement in self.registers.taken:
            return self.registers.taken[agreement]
        if agreement not in self.read:
            self.read |= self.registers.tx.registers([agreement])
        return self.read[agreement]

    def _call_off(self, case: Case, machine: Machine) -> None:
        """An offer that cannot be delivered is withdrawn where its units may go without one."""
        offer = case.offers.get(machine.offer) if machine.offer else None
        if offer is None or offer.state is not OfferState.SENT:
            return
        known = self.rules.agreement(offer.agreement)
        edition = known.edition(offer.edition) if known is not None else None
        named = [c for c in edition.clauses if c.id == offer.clause] if edition else []
        if offer.kind is OfferKind.ORDER and not any("continuity" in c.exceptions for c in named):
            return
        withdraw(case, offer, NOT_THERE)
        for hold in [m for m in case.machines.values() if m.offer == offer.id]:
            case.give_back(hold, NOT_THERE)
        case.set_job(due_at=case.now)


def _answered(register: Register, probe: Callable[[], Probe]) -> tuple[Register, list[Event]]:
    if register.health == _WELL:
        return register, []
    health, told = answered(register.health, probe())
    return replace(register, health=health), told


def _unanswered(
    register: Register,
    evidence: right.Unavailability,
    probe: Callable[[], Probe],
    code: str,
    new_id: Callable[[str], str],
) -> tuple[Register, list[Event]]:
    health, told = unanswered(register.health, evidence, probe(), code, new_id)
    if health is register.health:
        return register, []
    return replace(register, health=health), told
