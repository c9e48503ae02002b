"""Which accelerators a name means: `A100` is any A100, `A100-80GB` only those of 80 GB."""

from __future__ import annotations

from collections.abc import Iterable


def any_of(asked: Iterable[str], sold: Iterable[str]) -> tuple[str, ...]:
    """Each name with all variants that are sold, the name itself first; one without any stays.

    A variant is called after its family and a dash, so `L4` is no `L40S`, and `A10` no `A10G`.
    """
    known = sorted(sold)
    meant: dict[str, None] = {}
    for name in asked:
        variants = [one for one in known if one == name or one.startswith(f"{name}-")]
        meant |= dict.fromkeys(variants or [name])
    return tuple(meant)
