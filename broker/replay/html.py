"""The report as one page: no address outside it, no script, light and dark, and a table a chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Final

from broker.replay import sections
from broker.replay.charts import Chart
from broker.replay.compare import Compared, lasting
from broker.replay.placing import Gap
from broker.replay.sections import Card, Drawn

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(compared: Compared, subject: str, notes: Sequence[str], gaps: Sequence[Gap] = ()) -> str:
    """The whole report. `subject` says what was replayed; `notes` what was assumed."""
    sheet = (files("broker.replay") / "report.css").read_text(encoding="utf-8")
    cards = "".join(_card(card) for card in sections.cards(compared, gaps))
    facts = sum(int(outcome.figures["facts"]) for outcome in compared.all)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>What if: {escape(subject)}</title><style>{sheet}</style></head><body>"
        f"<header><h1>What if</h1><p>{escape(subject)}</p></header><main>"
        f'<section class="wide"><h2>Side by side</h2>{_summary(compared)}'
        "<p>Waits are those of placed jobs. What the right cost is the difference to the open "
        "agreement, and is only said where as many jobs were placed.</p></section>"
        f"{cards}{_notes(notes)}</main>"
        f"<footer><p>Made by broker replay from {facts:,} facts. All prices are list prices of "
        "the pools that were replayed.</p></footer></body></html>\n"
    )


def _summary(compared: Compared) -> str:
    head = ["Variant", "Jobs placed", "Azure", "Mean wait", "p50", "p90", "p99", "Cost USD"]
    rows = []
    for outcome in compared.all:
        figures, wait = outcome.figures, outcome.figures["wait_s"]
        placed = outcome.jobs - figures["unplaced"]
        right = compared.right_usd(outcome)
        rows.append(
            [
                outcome.name,
                f"{placed} of {outcome.jobs}",
                f"{figures['placed']['azure'] / placed:.0%}" if placed else "-",
                lasting(outcome.observed.mean_wait_s),
                *(lasting(wait[q]) for q in ("p50", "p90", "p99")),
                f"{outcome.cost:,.0f}",
                "n/a" if right is None else f"{right:+,.0f}",
            ]
        )
    return _table([*head, "The right cost, USD"], rows, "Every variant with its figures")


def _card(card: Card) -> str:
    drawn = "".join(_figure(one) for one in card.drawn)
    says = f"<p>{escape(card.says)}</p>"
    wide = ' class="wide"' if card.wide else ""
    return f"<section{wide}><h2>{escape(card.title)}</h2>{says}<div>{drawn}</div></section>"


def _figure(drawn: Drawn) -> str:
    chart = drawn.chart
    caption = f"<figcaption>{escape(chart.title)}</figcaption>"
    return f"<figure>{caption}{_legend(chart)}{drawn.svg}{_figures(chart)}</figure>"


def _legend(chart: Chart) -> str:
    if len(chart.series) == 1 and not chart.series[0].css:
        return ""
    items = "".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="{css}" width="10" '
        f'height="10"/></svg>{escape(one.name)}</li>'
        for css, one in chart.coloured()
    )
    return f'<ul class="legend">{items}</ul>'


def _figures(chart: Chart) -> str:
    """The chart's table: what it shows, for reading and for copying."""
    head = ["", *(one.name for one in chart.series)]
    rows = [
        [
            category,
            *(
                "n/a" if (value := one.values[index]) is None else chart.shown(value)
                for one in chart.series
            ),
        ]
        for index, category in enumerate(chart.categories)
    ]
    return f"<details><summary>The figures</summary>{_table(head, rows, chart.title)}</details>"


def _table(head: Iterable[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(text)}</td>" for text in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section class="wide"><h2>What was assumed</h2><ul>{items}</ul></section>'
