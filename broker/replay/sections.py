"""What the report shows: which charts, of which figures, with a sentence that says what to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.domain.accounts.shortage import Cause
from broker.domain.values import ProviderName
from broker.replay.charts import Chart, Series, areas, bars, lines, nice_time, stacked
from broker.replay.compare import Compared, Outcome, lasting
from broker.replay.placing import Gap

_NAMES = {
    ProviderName.AZURE: "Azure",
    ProviderName.AWS: "AWS",
    ProviderName.GCP: "GCP",
    ProviderName.ORACLE: "Oracle",
    ProviderName.OWN: "own",
}
_NEARLY_ALL = 0.99
_DIMES = 100
"""Dollars below which the cents are shown too."""


@dataclass(frozen=True, slots=True)
class Drawn:
    chart: Chart
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    title: str
    says: str
    drawn: tuple[Drawn, ...]
    wide: bool = False


def cards(compared: Compared, gaps: Sequence[Gap]) -> Iterator[Card]:
    yield _wait(compared)
    yield _cost(compared)
    yield _right(compared)
    yield _lost(compared)
    yield from _swept(compared)
    yield _refusals(compared)
    if gaps:
        yield _gaps(gaps)
    yield _shares(compared)


def usd(value: float) -> str:
    return f"{value:,.2f} USD" if 0 < abs(value) < _DIMES else f"{value:,.0f} USD"


def _drawn_bars(chart: Chart) -> Drawn:
    return Drawn(chart, bars(chart))


def _wait(compared: Compared) -> Card:
    series = tuple(
        Series(name=name, values=tuple(o.figures["wait_s"][name] for o in compared.all))
        for name in ("p50", "p90", "p99")
    )
    chart = Chart(
        id="wait",
        title="Wait of the placed jobs",
        says="For each variant the median, 90th and 99th percentile of the seconds from a job's "
        "submission until its last machine was there.",
        categories=_names(compared),
        series=series,
        shown=lasting,
    )
    says = "From submission until the last machine is there. Half of the jobs wait no longer than "
    return Card(
        title="Wait",
        says=f"{says}p50, nine in ten no longer than p90.",
        drawn=(_drawn_bars(chart),),
    )


def _cost(compared: Compared) -> Card:
    chart = Chart(
        id="cost",
        title="Cost of all machines",
        says="For each variant what the machines cost while they ran, in dollars.",
        categories=_names(compared),
        series=(Series(name="cost", values=tuple(float(o.cost) for o in compared.all)),),
        shown=usd,
    )
    short = [o for o in compared.all if o.figures["unplaced"]]
    says = "List price by the time each machine ran."
    if short:
        names = ", ".join(f"{o.name} ({o.figures['unplaced']})" for o in short)
        says += f" Some jobs were never placed and cost nothing: {names}."
    return Card(title="Cost", says=says, drawn=(_drawn_bars(chart),))


def _right(compared: Compared) -> Card:
    rights = [compared.right_usd(outcome) for outcome in compared.all]
    money = Chart(
        id="right-usd",
        title="Dearer than open",
        says="For each variant its cost less that of the open agreement, in dollars.",
        categories=_names(compared),
        series=(Series(name="USD", values=tuple(None if r is None else float(r) for r in rights)),),
        shown=usd,
    )
    time = Chart(
        id="right-s",
        title="Longer than open, a job on average",
        says="For each variant the mean wait of a placed job less that under the open agreement.",
        categories=_names(compared),
        series=(Series(name="wait", values=tuple(compared.right_wait_s(o) for o in compared.all)),),
        shown=lasting,
    )
    return Card(
        title="What the right costs",
        says="The same jobs without any right are the measure. Below zero the right made it "
        "cheaper or faster; n/a where not as many jobs were placed.",
        drawn=(_drawn_bars(money), _drawn_bars(time)),
    )


def _lost(compared: Compared) -> Card:
    figures = [outcome.figures["delays_s"] for outcome in compared.all]
    chart = Chart(
        id="lost",
        title="Waiting by cause, summed over the placed jobs",
        says="For each variant the seconds waited, put down to the holder's window, its default, "
        "want of room, of quota or of budget, machines on their way, and standing in line.",
        categories=_names(compared),
        series=tuple(
            Series(name=cause.replace("_", " "), values=tuple(float(f[cause]) for f in figures))
            for cause in Cause
            if any(f[cause] for f in figures)
        ),
        shown=lasting,
    )
    return Card(
        title="Where the waiting went",
        says="Window: an offer was open. Capacity: all who might have supplied it had no room. "
        "Line: nobody was asked, for its turn had not come.",
        drawn=(Drawn(chart, stacked(chart)),),
    )


def _swept(compared: Compared) -> Iterator[Card]:
    by_mechanic: dict[str, list[Outcome]] = {}
    for outcome in compared.outcomes:
        if outcome.variant.swept:
            by_mechanic.setdefault(outcome.variant.swept[0], []).append(outcome)
    for mechanic, outcomes in by_mechanic.items():
        names = tuple(outcome.name.partition("=")[2] for outcome in outcomes)
        wait = Chart(
            id=f"sweep-{mechanic}-wait",
            title=f"Mean wait by {mechanic}",
            says=f"The mean wait of a placed job for each value of {mechanic}.",
            categories=names,
            series=(
                Series(name="mean wait", values=tuple(o.observed.mean_wait_s for o in outcomes)),
            ),
            shown=lasting,
            top=nice_time,
        )
        azure = Chart(
            id=f"sweep-{mechanic}-azure",
            title=f"Jobs placed with Azure by {mechanic}",
            says=f"How many jobs Azure took for each value of {mechanic}.",
            categories=names,
            series=(
                Series(
                    name="jobs with Azure",
                    values=tuple(float(o.figures["placed"]["azure"]) for o in outcomes),
                ),
            ),
            shown=lambda value: f"{value:.0f}",
        )
        yield Card(
            title=f"Sweep of {mechanic}",
            says="All else the same.",
            drawn=(Drawn(wait, lines(wait)), Drawn(azure, lines(azure))),
        )


def _refusals(compared: Compared) -> Card:
    total = sum((o.observed.refusals for o in compared.all), Counter[tuple[str, str]]())
    kinds = sorted(total, key=lambda kind: (-total[kind], kind))[:6]
    chart = Chart(
        id="refusals",
        title="Refusals by provider and reason, as shares",
        says="For each variant how often a place said no, by provider and reason.",
        categories=_names(compared),
        series=tuple(
            Series(
                name=f"{_NAMES[ProviderName(provider)]}: {reason.replace('_', ' ')}",
                values=tuple(float(o.observed.refusals[provider, reason]) for o in compared.all),
                css=f"s{index}",
            )
            for index, (provider, reason) in enumerate(kinds)
        )
        or (Series(name="none", values=(0.0,) * len(compared.all)),),
        shown=lambda value: f"{value:,.0f}",
    )
    return Card(
        title="Refusals by reason",
        says="One refusal answers for all jobs that would ask the same place while it stands, so "
        "these are calls that were made and refused, not jobs; their number is at the end.",
        drawn=(Drawn(chart, stacked(chart, as_shares=True)),),
    )


def _shares(compared: Compared) -> Card:
    drawn = []
    for number, outcome in enumerate(compared.all):
        usage = outcome.observed.usage
        rows = usage.rows[: usage.until(_NEARLY_ALL)]
        chart = Chart(
            id=f"share-{number}",
            title=outcome.name,
            says=f"Under {outcome.name}, the share of the running GPUs that each provider held, "
            "over time.",
            categories=tuple(lasting(index * usage.width_s) for index in range(len(rows))),
            series=tuple(
                Series(
                    name=label,
                    values=tuple(row[name.value] / usage.width_s for row in rows),
                    css=f"s{index}",
                )
                for index, (name, label) in enumerate(_NAMES.items())
                if any(row[name.value] for row in rows)
            ),
            shown=lambda value: f"{value:.1f}",
        )
        drawn.append(Drawn(chart, areas(chart, max(2, -(-len(rows) // 5)))))
    return Card(
        title="Share per provider over time",
        says="Of the GPUs that were running, until 99 % of the GPU-hours were over; blank where "
        "none ran. The tables give the mean number of GPUs.",
        drawn=tuple(drawn),
        wide=True,
    )


def _gaps(gaps: Sequence[Gap]) -> Card:
    chart = Chart(
        id="oracle",
        title="Mean wait against perfect knowledge",
        says="For each variant the mean wait, that of a plan which knows the whole trace, and the "
        "bound that no plan can be better than.",
        categories=tuple(gap.name for gap in gaps),
        series=(
            Series(name="replayed", values=tuple(g.wait_s / g.count for g in gaps)),
            Series(name="plan that knows all", values=tuple(g.planned_s / g.count for g in gaps)),
            Series(name="lower bound", values=tuple(g.bound_s / g.count for g in gaps)),
        ),
        shown=lasting,
    )
    return Card(
        title="Against an oracle",
        says="The oracle knows every job and every change of stock beforehand and keeps no "
        "agreement. " + gaps[0].method,
        drawn=(_drawn_bars(chart),),
    )


def _names(compared: Compared) -> tuple[str, ...]:
    return tuple(outcome.name for outcome in compared.all)
