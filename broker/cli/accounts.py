"""Accounts: `scorecard` of every party, and `meters` of an agreement's commitments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.options import Json
from broker.cli.shell import Shell, out, out_json, say, shell_of
from broker.client.errors import BrokerError

if TYPE_CHECKING:
    from broker.domain.chain import Fact

_FROM_LOG = typer.Option("--log", metavar="FILE", help="From an exported log alone; - stdin.")


def scorecard(
    context: typer.Context,
    log: Annotated[str | None, _FROM_LOG] = None,
    since: Annotated[str | None, typer.Option(help="Only the last 7d, 12h ...")] = None,
    json: Json = False,
) -> None:
    """Say of every party what it was asked, what it answered, and what it delivered."""
    if log is not None and since is not None:
        raise BrokerError(
            "--since is for a broker that runs; leave it out beside --log", code="invalid_file"
        )
    said = _scored(log) if log is not None else _asked(shell_of(context), since)
    if json:
        out_json("scorecards", said)
        return
    for party, card in said["parties"].items():
        out(_card(party, card))


def meters(
    context: typer.Context,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its name.")],
    log: Annotated[str | None, _FROM_LOG] = None,
    json: Json = False,
) -> None:
    """Say how far an agreement's commitments are drawn down, and its own-built share."""
    if log is not None:
        said = _metered(log, agreement)
    else:
        said = _whole(shell_of(context), f"/v1/agreements/{agreement}/meters")
    if json:
        out_json("meters", said)
        return
    from broker.cli.render import sheet

    for meter in said["meters"]:
        amount = meter["amount"] or "no amount is defined"
        out(sheet({**meter, "amount": amount}) + "\n")
    for share in said["shares"]:
        out(sheet({**share, "share": share["share"] or "own-built capacity was not used"}) + "\n")
    if not (said["meters"] or said["shares"]):
        say(f"{agreement} has no commitment and no soft limit")


def _asked(shell: Shell, since: str | None) -> Mapping[str, Any]:
    return _whole(shell, "/v1/scorecards", since=since)


def _whole(shell: Shell, path: str, **query: str | None) -> dict[str, Any]:
    """The answer once the broker has read its log to the end."""
    while not (said := shell.line.get(path, **query))["complete"]:
        say(f"the log is read as far as {said['position']} ...")
    return dict(said)


def _scored(log: str) -> dict[str, Any]:
    from broker.domain.accounts.scorecards import Scorecards

    cards = Scorecards()
    last = _read(log, cards.read)
    return {"position": last.position, "complete": True, "since": None, "parties": cards.figures()}


def _metered(log: str, agreement: str) -> dict[str, Any]:
    from broker.domain.accounts.meters import Meters
    from broker.domain.values import instant

    told = Meters()
    last = _read(log, told.read)
    return {
        "position": last.position,
        "complete": True,
        "agreement": agreement,
        "meters": told.meters(agreement),
        "shares": [share.figures() for share in told.shares(instant(last.at), agreement)],
    }


def _read(log: str, read: Callable[[Fact], None]) -> Fact:
    """Read an exported log to its end; its last fact. Raises BrokerError."""
    import sys

    from broker.domain.chain import MalformedLine, read_lines

    last = None
    try:
        with sys.stdin if log == "-" else Path(log).open(encoding="utf-8") as lines:
            for last in read_lines(lines):
                read(last)
    except OSError as missing:
        sentence = f"{log}: {missing.strerror or missing}; check its name"
        raise BrokerError(sentence, code="invalid_file") from None
    except (MalformedLine, UnicodeDecodeError) as broken:
        raise BrokerError(f"{log}: {broken}", code="invalid_file") from None
    if last is None:
        raise BrokerError(f"{log}: there is no fact in it; check its name", code="invalid_file")
    return last


def _card(party: str, card: Mapping[str, Any]) -> str:
    from broker.cli.render import sheet

    rows = {
        "party": party,
        **_asked_for(card),
        "failures": card["failures"],
        "places refused": card["places_refused"],
        "units": f"{card['units']}, {card['lost']} lost",
        "GPU-hours": card["gpu_hours"],
        "USD": card["usd"],
        **{f"renewals: {name}": said for name, said in _asked_for(card["renewals"]).items()},
    }
    return sheet(rows) + "\n"


def _asked_for(card: Mapping[str, Any]) -> dict[str, Any]:
    whole, part = card["accepted"], card["accepted_in_part"]
    return {
        "offers": card["offers"] or None,
        "accepted": f"{whole} whole, {part} in part" if whole or part else None,
        "refused": card["refused"],
        "lapsed": card["lapsed"] or None,
        "defaults": card["defaults"] or None,
        "withdrawn": card["withdrawn"] or None,
        "answered after": _took(card["answer_s"]),
        "releases": card["releases"] or None,
        "commitments": card["commitments"] or None,
        "capacity after": _took(card["capacity_s"]),
    }


def _took(sketch: Mapping[str, Any]) -> str | None:
    return f"P50 {sketch['p50']} s, P90 {sketch['p90']} s" if sketch["count"] else None
