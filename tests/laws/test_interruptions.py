"""Whatever clouds take back, and whenever, every law holds and no unit is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from broker.domain.machine import Machine, RunState
from broker.domain.market import Place
from broker.domain.values import JobId
from broker.domain.workload import Limits, Retry, SpotUse, Workload
from broker.steps.sweep import sweep
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, a_gang, work
from tests.unit.test_spot import AWS_SPOT, EAST_SPOT, GCP_SPOT, SOLD

PLACES: Final[tuple[Place, ...]] = (EAST, EAST_SPOT, AWS, AWS_SPOT, GCP, GCP_SPOT)
COUNT: Final = st.integers(0, 5)


def _leased(broker: Broker, number: int) -> Machine | None:
    live = [m for machines in broker.store.live.values() for m in machines.values()]
    leased = sorted((m for m in live if m.lease is not None), key=lambda machine: machine.name)
    return leased[number % len(leased)] if leased else None


def _of_one(deed: Callable[[Broker, Machine], object]) -> Callable[[Broker, int], None]:
    def done(broker: Broker, number: int) -> None:
        machine = _leased(broker, number)
        if machine is not None:
            deed(broker, machine)

    return done


def _there(broker: Broker, machine: Machine) -> bool:
    return machine.name in broker.clouds[machine.place.provider].there


def _evict(broker: Broker, machine: Machine) -> None:
    if machine.place.interruptible and _there(broker, machine):
        broker.clouds[machine.place.provider].evict(machine.name)


def _lose(broker: Broker, machine: Machine) -> None:
    if _there(broker, machine):
        broker.clouds[machine.place.provider].lose(machine.name)


def _notice(broker: Broker, machine: Machine) -> None:
    if broker.job(machine.job).units[machine.unit].lease == machine.lease:
        broker.notice(machine.job, machine.unit, 30)


def _end(code: int) -> Callable[[Broker, Machine], object]:
    def ended(broker: Broker, machine: Machine) -> None:
        broker.report(machine, RunState.RUNNING)
        broker.report(machine, RunState.ENDED, code)

    return ended


def _stock(broker: Broker, number: int) -> None:
    place = PLACES[number % len(PLACES)]
    broker.clouds[place.provider].stock[place] = max(number % 3, 0)


DEEDS: Final[dict[str, Callable[[Broker, int], object]]] = {
    "evict": _of_one(_evict),
    "lose": _of_one(_lose),
    "notice": _of_one(_notice),
    "starts": _of_one(lambda broker, machine: broker.report(machine, RunState.RUNNING)),
    "ends well": _of_one(_end(0)),
    "is stopped": _of_one(_end(143)),
    "a little later": lambda broker, number: broker.wait(number * 7),
    "later": lambda broker, number: broker.wait(number * 900),
    "sweep": lambda broker, _: sweep(broker.store),
    "compare": lambda broker, _: broker.reconcile(),
    "stock": _stock,
}


def _works(uses: list[SpotUse], gang: bool, borne: int) -> list[Workload]:  # noqa: FBT001
    several = [a_gang(2) if gang and number == 0 else work() for number in range(len(uses))]
    retry = Retry(preempted=borne)
    return [
        work(
            units=one.units,
            gang=one.gang,
            chunk=one.chunk,
            limits=Limits(spot=use),
            retry=retry,
            checkpointable=True,
        )
        for one, use in zip(several, uses, strict=True)
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stock=st.fixed_dictionaries({place: st.integers(0, 3) for place in PLACES}),
    uses=st.lists(st.sampled_from(SpotUse), min_size=1, max_size=3),
    gang=st.booleans(),
    borne=st.integers(0, 3),
    deeds=st.lists(st.tuples(st.sampled_from(sorted(DEEDS)), COUNT), max_size=14),
)
def test_every_law_holds_and_every_job_comes_to_its_end(
    stock: dict[Place, int],
    uses: list[SpotUse],
    gang: bool,  # noqa: FBT001
    borne: int,
    deeds: list[tuple[str, int]],
) -> None:
    """The log is audited when the broker is done with; here it must also get everybody through."""
    with a_broker(stock, pools=SOLD) as broker:
        jobs: list[JobId] = broker.placed(*_works(uses, gang, borne))
        for name, number in deeds:
            DEEDS[name](broker, number)
            broker.settle()
        _plenty(broker)
        broker.wait(30 * 3600)
        broker.reconcile()
        for _ in range(20):
            if machine := _leased(broker, 0):
                _end(0)(broker, machine)
                broker.wait(60)
        assert all(broker.job(job).state.over for job in jobs)
        assert not any(cloud.there for cloud in broker.clouds.values())


def _plenty(broker: Broker) -> None:
    """From now on nobody takes anything back, and everybody has enough."""
    broker.reconcile()
    for place in PLACES:
        broker.clouds[place.provider].stock[place] = 20
