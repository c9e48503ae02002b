"""Buy, watch and end machines at one provider: load, talk, record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from broker.domain.line import SERVED_WAKES
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName
from broker.ports import Lanes, OneByOne, Provider, Store, Transaction
from broker.steps.asking import Asking
from broker.steps.outcome import Round
from broker.steps.places import concerned
from broker.steps.polling import BUSY_RECHECK
from broker.steps.rulebook import Rulebook
from broker.steps.told import NotYet, Told
from broker.steps.withdraw_quote import withdraw_refused

CLAIMED_FOR: Final = timedelta(seconds=60)
"""How long a worker has for what it claimed before another may take it up."""
RENEWED_AFTER: Final = timedelta(seconds=20)
"""When a claim is renewed whose call is still under way."""
LONGEST_CALL: Final = timedelta(minutes=3)
"""A call that has not ended by then is given up; whatever it comes to is for the next to find."""

Heard: TypeAlias = tuple[MachineName, Told | Exception]
_Since: TypeAlias = tuple[Machine, datetime]


def provision(name: ProviderName, provider: Provider, store: Store, rules: Rulebook) -> int:
    """Take up what is due at this provider, one call after another; returns how many machines."""
    return Buying(name, provider, store, rules, OneByOne()).turn(())


class Buying:
    """The purchases of one worker at one provider. Its calls are made in the lanes it is given.

    What a call has come to is recorded as soon as it has ended, with all that ended beside it; one
    that hangs holds up nobody but its own machine.
    """

    def __init__(
        self, name: ProviderName, provider: Provider, store: Store, rules: Rulebook, lanes: Lanes
    ) -> None:
        self.name, self.store, self.rules, self.lanes = name, store, rules, lanes
        self.asking = Asking(provider, rules)
        self.now = self.renew_at = datetime.min.replace(tzinfo=UTC)
        self.out: dict[MachineName, _Since] = {}
        """The machines a call is under way for."""
        self.waiting: dict[MachineName, _Since] = {}
        """Those claimed whose place must answer another first."""
        self.told: list[tuple[Machine, Told]] = []
        """What is not on record yet."""
        self._singly = False

    @property
    def patience_s(self) -> float:
        """In how many seconds the next turn is due, if nothing is heard before."""
        return (BUSY_RECHECK if self.waiting else RENEWED_AFTER).total_seconds()

    def turn(self, heard: Iterable[Heard], *, claiming: bool = True) -> int:
        """Record what was heard, and take up what is due; returns how many machines that were.

        Without `claiming` nothing is taken up, and what waits here is left to others.
        After an exception what was heard is recorded one by one in the next turn, so that nothing
        but what cannot be recorded is lost.
        """
        self._hear(heard)
        if not claiming:
            self.told += [(machine, NotYet()) for machine, _ in self.waiting.values()]
            self.waiting.clear()
        self._ask()
        self._record()
        claimed = self._look(claiming=claiming)
        self._ask()
        self._record()
        return claimed

    def _look(self, *, claiming: bool) -> int:
        """Claim what there are lanes for, and keep the claims of what is under way."""
        room = self.lanes.free - len(self.waiting) if claiming else 0
        with self.store.transaction() as tx:
            now, until = tx.now, tx.now + CLAIMED_FOR
            asked = tx.asked(self.name)
            claimed = tx.claim_machines(self.name, limit=room, until=until) if room > 0 else []
            # One that is claimed again while a call is under way hears of it by that call's end.
            fresh = {m.name: (m, now) for m in claimed if m.name not in self.out}
            if fresh:
                self._read(tx, asked, fresh)
            if self.out and now >= self.renew_at:
                tx.keep_claims(self.out, until)
                self.renew_at = now + RENEWED_AFTER
        self.now = now
        self.waiting |= fresh
        self._give_up()
        return len(claimed)

    def _read(
        self, tx: Transaction, asked: Mapping[Place, int], fresh: Mapping[MachineName, _Since]
    ) -> None:
        """How the places stand that are to be asked; what waits here was not asked for yet."""
        here = Counter(machine.place for machine, _ in self.waiting.values())
        places = {machine.place for machine, _ in fresh.values()} | here.keys()
        known = {place: asked.get(place, 0) - here[place] for place in places}
        self.asking.read(tx.places(), known, tx.now)

    def _ask(self) -> None:
        """Begin every call that may begin.

        Who was never asked for goes first: a machine that fails again and again starves no other.
        """
        for name, (machine, since) in sorted(self.waiting.items(), key=_tries):
            known = self.asking.unasked(machine, self.now)
            young = self.now - since < BUSY_RECHECK
            if isinstance(known, NotYet) and young and self.asking.answers_soon(machine):
                continue
            if known is None and self.lanes.free < 1:
                continue
            del self.waiting[name]
            if known is not None:
                self.told.append((machine, known))
                continue
            self.out[name] = (machine, self.now)
            self.lanes.begin(name, self.asking.call(machine))
            self._hear(self.lanes.ended(0))

    def _hear(self, heard: Iterable[Heard]) -> None:
        for name, said in heard:
            if name in self.out:
                machine, _ = self.out.pop(name)
                self.told.append((machine, self.asking.heard(machine, said)))

    def _give_up(self) -> None:
        for name, (_, since) in list(self.out.items()):
            if self.now - since > LONGEST_CALL:
                self._hear([(name, TimeoutError(f"no answer within {LONGEST_CALL}"))])

    def _record(self) -> None:
        while self.told:
            told = self.told[:1] if self._singly else self.told
            self.told = self.told[len(told) :]
            try:
                self._put_on_record(told)
            except Exception:
                if not self._singly:
                    self.told, self._singly = told, True
                raise
        self._singly = False

    def _put_on_record(self, told: Sequence[tuple[Machine, Told]]) -> None:
        with self.store.transaction() as tx:
            cases = tx.cases(dict.fromkeys(machine.job for machine, _ in told))
            round_ = Round(tx, self.rules, cases, concerned(told, self.asking.places))
            served = round_.record(told)
            round_.probing.registers.keep(cases.values())
            if served:
                tx.call_up(dict.fromkeys(sorted(served), SERVED_WAKES))
            if round_.places.freed:
                tx.call_heads()
        if round_.places.refusals:
            withdraw_refused(self.store, self.rules)


def _tries(waiting: tuple[MachineName, _Since]) -> int:
    return waiting[1][0].tries
