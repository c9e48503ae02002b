"""What one machine must have, and how a job narrows where it may run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

from pydantic import BeforeValidator, Field

from broker.domain import workload
from broker.domain.values import ProviderName
from broker.wire.quantities import (
    Cpus,
    Gpu,
    Memory,
    Price,
    Span,
    cpus,
    gpu,
    memory_gib,
    price,
    read_gpu,
    seconds,
)
from broker.wire.strict import Strict, Word, wrong


def _provider(given: object) -> ProviderName:
    try:
        return ProviderName(str(given))
    except ValueError:
        known = ", ".join(ProviderName)
        raise wrong(f"{given!r} is no provider; known are {known}") from None


def listed(given: object) -> object:
    """A list or a tuple, as a tuple."""
    if isinstance(given, str):
        raise wrong(f"one text is no list; write [{given[:50]!r}]")
    return tuple(given) if isinstance(given, list) else given


if TYPE_CHECKING:  # a caller may write a list; what is kept is a tuple
    Words: TypeAlias = tuple[str, ...] | list[str]
    Providers: TypeAlias = Words
else:
    Words = Annotated[tuple[Word, ...], BeforeValidator(listed), Field(max_length=1000)]
    Providers = Annotated[
        tuple[Annotated[ProviderName, BeforeValidator(_provider)], ...], BeforeValidator(listed)
    ]


class Resources(Strict):
    """What one machine must have at least. Empty: any machine, with CPUs only."""

    LATER: ClassVar = frozenset({"disk", "ports"})
    ELSEWHERE: ClassVar = {"spot": "limits.spot"}

    gpu: Gpu = ""
    """`H100:8`; `A100|H100:8` or `["A10", "L4"]` where any of them does; the count is 1 else."""
    cpus: Cpus = 0
    """`64` and `64+` both mean at least 64."""
    memory: Memory = 0
    """`512GB`, `512GiB`; a plain number is GB."""

    def to_shape(self) -> workload.Shape:
        accelerators, gpus = read_gpu(gpu(self.gpu))
        return workload.Shape(
            accelerators=accelerators,
            gpus=gpus,
            cpus=cpus(self.cpus),
            memory_gib=memory_gib(self.memory),
        )


def spot_use(given: object) -> workload.SpotUse:
    if isinstance(given, bool):
        return workload.SpotUse.ONLY if given else workload.SpotUse.NEVER
    try:
        return workload.SpotUse(str(given))
    except ValueError:
        known = ", ".join(workload.SpotUse)
        raise wrong(f"{given!r} says nothing of spot; write {known}, true or false") from None


Spot: TypeAlias = Annotated[workload.SpotUse | str | bool, BeforeValidator(spot_use)]


class Limits(Strict):
    """A job narrows where it may run; it never widens what the agreement allows."""

    regions: Words = ()
    """Shell patterns such as `eu-*`; empty means everywhere."""
    exclude: Providers = ()
    """Providers that are not to be used."""
    max_price_per_hour: Price = None
    """US dollars for one machine."""
    spot: Spot = workload.SpotUse.NEVER
    """Machines that their cloud may take back: `never`, `prefer` (whichever is cheaper) or `only`.

    `max_price_per_hour` is then also the most that a cloud may charge while the machine runs.
    """
    start_within: Span = None
    """How long the job waits for its machines before it is unmet."""

    def to_limits(self) -> workload.Limits:
        return workload.Limits(
            regions=tuple(self.regions),
            exclude=tuple(ProviderName(name) for name in self.exclude),
            max_price_usd_hour=price(self.max_price_per_hour),
            spot=spot_use(self.spot),
        )

    def patience_s(self) -> int | None:
        return seconds(self.start_within)


class Retry(Strict):
    """How often a job starts again by itself, with its checkpoint directory."""

    LATER: ClassVar = frozenset({"failed"})

    preempted: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 5
    """After its cloud took a machine back: each unit, or a gang as a whole."""

    def to_retry(self) -> workload.Retry:
        return workload.Retry(preempted=self.preempted)
