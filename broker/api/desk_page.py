"""The HTML of a person's desk: what the notice says, the time that is left, and four forms."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import escape
from typing import Any, Final

from broker.domain.values import RefusalReason

_OPEN: Final = frozenset({"sent", "open"})
_ROWS: Final = 4
VIA: Final = " via "
"""Stands between a machine and the pool of another's through which the holder supplies it."""

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--card:#f6f8fa;
--line:#d0d7de;--go:#1a7f37;--stop:#b3261e;--note:#fff8c5}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--paper:#0d1117;
--card:#161b22;--line:#30363d;--go:#3fb950;--stop:#ff7b72;--note:#3b2f00}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:44rem;margin:0 auto;padding:1rem}
h1{font-size:1.35rem;margin:.5rem 0}h2{font-size:1.1rem;margin:0}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem;
margin:1rem 0}
.left{font-size:1.1rem;font-weight:600;margin:.4rem 0}
.told{background:var(--note);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.2rem 1rem;margin:.8rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
details{border-top:1px solid var(--line);padding:.5rem 0}
summary{cursor:pointer;font-weight:600;padding:.3rem 0}
label{display:block;margin:.5rem 0 .2rem;color:var(--soft);font-size:.9rem}
input,select,textarea{width:100%;padding:.55rem;border:1px solid var(--line);border-radius:6px;
background:var(--paper);color:var(--ink);font:inherit}
fieldset{border:0;padding:0;margin:0 0 .6rem;display:grid;gap:.4rem;
grid-template-columns:2fr 1fr 2fr}
legend{color:var(--soft);font-size:.9rem;padding:0}
button{margin-top:.8rem;padding:.65rem 1.1rem;border:0;border-radius:6px;font:inherit;
font-weight:600;color:var(--paper);background:var(--ink)}
button.go{background:var(--go)}button.stop{background:var(--stop)}
@media(max-width:32rem){fieldset{grid-template-columns:1fr}button{width:100%}
dl{grid-template-columns:6.5rem 1fr;gap:.2rem .6rem}}
"""

_STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One offer on the page: what its notice says, and how it stands."""

    offer: str
    state: str
    expires_at: datetime | None
    deliver_by: datetime | None
    said: Mapping[str, Any]
    places: Sequence[str]
    """Region and machine, and where it is not the holder's own, `via` and by whose way."""
    gang: bool
    told: str = ""
    """What became of the answer that was just sent."""


def page(sheets: Sequence[Sheet], now: datetime, action: str) -> str:
    """The offers of one link; the forms post back to it."""
    title = "An offer of capacity" if len(sheets) == 1 else f"{len(sheets)} offers of capacity"
    return _whole(title, "".join(_sheet(sheet, now, action) for sheet in sheets))


def sentence_page(sentence: str) -> str:
    """A link that opens nothing says why, in one sentence."""
    return _whole("This link opens nothing", f'<p class="told">{escape(_sentence(sentence))}</p>')


def _whole(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _sheet(sheet: Sheet, now: datetime, action: str) -> str:
    told = f'<p class="told" role="status">{escape(sheet.told)}</p>' if sheet.told else ""
    rows = "".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(_worded(name, value))}</dd>"
        for name, value in sheet.said.items()
    )
    forms = _forms(sheet, action) if sheet.state in _OPEN else ""
    return (
        f"<article><h2>{escape(sheet.state.capitalize())}</h2>"
        f'{told}<p class="left">{escape(_left(sheet, now))}</p><dl>{rows}</dl>{forms}</article>'
    )


def _left(sheet: Sheet, now: datetime) -> str:
    if sheet.state in _OPEN and sheet.expires_at is not None:
        seconds = int((sheet.expires_at - now).total_seconds())
        if seconds <= 0:
            return "The window is over"
        return f"{_span(seconds)} left to answer, until {_clock(sheet.expires_at)}"
    if sheet.state == "accepted" and sheet.deliver_by is not None:
        return f"To be delivered by {_clock(sheet.deliver_by)}"
    return "Nothing more to answer"


def _span(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds // 60 % 60
    parts = [(hours, "h"), (minutes, "min"), (seconds % 60 if not hours else 0, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _worded(name: str, value: object) -> str:
    """A field of the notice with its measure."""
    if value is not None and name in ("window", "duration"):
        return _span(int(str(value)))
    if value is not None and name == "price_ceiling":
        return f"{value} USD per unit and hour"
    return "not said" if value is None and name in ("start_by", "duration") else _value(value)


def _value(value: object) -> str:
    if value is None:
        return "any"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {part}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _forms(sheet: Sheet, action: str) -> str:
    reasons = "".join(f'<option value="{r}">{r.replace("_", " ")}</option>' for r in RefusalReason)
    why = f'<label>Reason<select name="reason">{reasons}</select></label>'
    part = "All units, or none" if sheet.gang else "All units, or a part in whole chunks"
    most = 1 if sheet.gang else min(_ROWS, int(sheet.said.get("units", _ROWS)))
    rows = "".join(_hold(row, sheet) for row in range(most))
    price = '<input name="price_usd_hour" inputmode="decimal" placeholder="98.32">'
    note = '<input name="note" maxlength="1000">'
    asks = '<textarea name="question" rows="2" maxlength="1000" required></textarea>'
    return (
        _form(sheet, action, "accept", "go", f"<p>{part}. Each needs a hold.</p>{rows}")
        + _form(sheet, action, "refuse", "stop", why)
        + _form(sheet, action, "query", "", f"<label>Question{asks}</label>")
        + _form(
            sheet,
            action,
            "counter",
            "stop",
            "<p>A counter is recorded and counts as a refusal.</p>"
            f"{why}<label>Price per unit and hour, USD{price}</label><label>Note{note}</label>",
        )
    )


_CALLED: Final = {"accept": "Accept", "refuse": "Refuse", "query": "Ask", "counter": "Counter"}


def _form(sheet: Sheet, action: str, kind: str, colour: str, inside: str) -> str:
    called = _CALLED[kind]
    return (
        f"<details{' open' if kind == 'accept' else ''}><summary>{called}</summary>"
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="offer" value="{escape(sheet.offer)}">'
        f'<input type="hidden" name="kind" value="{kind}">{inside}'
        f'<label>Your name<input name="by" maxlength="200" autocomplete="name"></label>'
        f'<button class="{colour}">{called}</button></form></details>'
    )


def _option(place: str) -> str:
    return f'<option value="{escape(place)}">{escape(place.replace(VIA, ", by way of "))}</option>'


def _hold(row: int, sheet: Sheet) -> str:
    places = "".join(map(_option, sheet.places))
    units = sheet.said.get("units", "") if row == 0 else ""
    return (
        f"<fieldset><legend>Hold {row + 1}</legend>"
        f'<input name="hold-{row}" aria-label="name of the hold" placeholder="reservation" '
        f'maxlength="128"{" required" if row == 0 else ""}>'
        f'<input name="units-{row}" aria-label="units held" inputmode="numeric" '
        f'placeholder="units" value="{escape(str(units))}">'
        f'<select name="place-{row}" aria-label="region and machine">{places}</select></fieldset>'
    )
