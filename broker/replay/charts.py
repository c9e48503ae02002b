"""Charts as inline SVG: drawn to be read at the width of a phone, coloured by the page's sheet.

Every chart has a title and a description for those who do not see it. `s0`, `s1`, … are the
classes of its series; the page says what colours they have by day and by night.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 360
_BAR: Final = 16
_LINE: Final = 18
_GAP: Final = 10
_CHAR: Final = 6.4
"""About the width of a character of the small text."""
_PLOT_HEIGHT: Final = 150
_LEFT: Final = 46
_TIMES: Final = (2, 10, 20, 60, 120, 240, 600, 1200, 3600, 7200, 14_400, 28_800, 43_200, 86_400)


def nice(value: float) -> float:
    """The next of 1, 2, 4, 5, 10 … times a power of ten."""
    if value <= 0:
        return 1.0
    size = float(10 ** math.floor(math.log10(value)))
    return next(size * step for step in (1, 2, 4, 5, 10) if size * step >= value)


def nice_time(seconds: float) -> float:
    """The next round number of seconds, minutes, hours or days."""
    return next((float(t) for t in _TIMES if t >= seconds), nice(seconds / 86_400) * 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One colour of a chart: a value for each of its categories; None where there is none."""

    name: str
    values: tuple[float | None, ...]
    css: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart shows, apart from how it is drawn."""

    id: str
    title: str
    says: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    shown: Callable[[float], str]
    """A value as text."""
    top: Callable[[float], float] = nice
    """The end of an axis that must hold a value."""

    def coloured(self) -> list[tuple[str, Series]]:
        return [(one.css or f"s{index}", one) for index, one in enumerate(self.series)]


def bars(chart: Chart) -> str:
    """For each category a group of bars, one for each series, with the value beside it."""
    values = [value for one in chart.series for value in one.values if value is not None]
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    texts = max((len(chart.shown(value)) for value in values), default=1) * _CHAR + 8
    scale = (WIDTH - texts) / ((high - low) or 1)
    zero = -low * scale
    parts: list[str] = []
    y = 0.0
    for index, category in enumerate(chart.categories):
        parts.append(_text(0, y + 13, category, "cat"))
        y += _LINE
        for css, one in chart.coloured():
            value = one.values[index]
            if value is None:
                parts.append(_text(zero + 4, y + 12, "n/a", "val"))
            else:
                left, width = zero + min(0.0, value) * scale, abs(value) * scale
                parts.append(_rect(left, y, max(width, 1.0), _BAR - 2, css))
                parts.append(_text(left + width + 4, y + 12, chart.shown(value), "val"))
            y += _BAR
        y += _GAP
    return _framed(chart, y, parts)


def stacked(chart: Chart, *, as_shares: bool = False) -> str:
    """For each category one bar, cut into the series; the whole is written at its end.

    As shares, every bar has the same length.
    """
    wholes = [
        sum(one.values[index] or 0 for one in chart.series)
        for index in range(len(chart.categories))
    ]
    texts = max((len(chart.shown(whole)) for whole in wholes), default=1) * _CHAR + 8
    parts: list[str] = []
    y = 0.0
    for index, category in enumerate(chart.categories):
        longest = wholes[index] if as_shares else max(wholes, default=0)
        scale = (WIDTH - texts) / (longest or 1)
        parts.append(_text(0, y + 13, category, "cat"))
        y += _LINE
        x = 0.0
        for css, one in chart.coloured():
            width = (one.values[index] or 0) * scale
            if width > 0:
                parts.append(_rect(x, y, max(width - 1, 0.5), _BAR + 2, css))
                x += width
        parts.append(_text(x + 4, y + 14, chart.shown(wholes[index]), "val"))
        y += _BAR + _GAP + 2
    return _framed(chart, y, parts)


def areas(chart: Chart, label_every: int) -> str:
    """Shares of a whole over time, one upon the other; a gap is where there is no whole."""
    count = len(chart.categories)
    step = (WIDTH - _LEFT) / max(count, 1)
    parts = _grid((0.0, 0.5, 1.0), lambda share: f"{share:.0%}")
    parts += _ticks(chart.categories, step, label_every)
    for index in range(count):
        whole = sum(one.values[index] or 0 for one in chart.series)
        y = float(_PLOT_HEIGHT)
        for css, one in chart.coloured():
            value = one.values[index] or 0
            if value and whole:
                height = value / whole * _PLOT_HEIGHT
                y -= height
                parts.append(_rect(_LEFT + index * step, y, step + 0.15, height, css))
    return _framed(chart, _PLOT_HEIGHT + 20, parts)


def lines(chart: Chart) -> str:
    """A line for each series over the categories, each point marked."""
    values = [value for one in chart.series for value in one.values if value is not None]
    top = chart.top(max(values, default=0))
    count = len(chart.categories)
    step = (WIDTH - _LEFT) / max(count, 1)
    parts = _grid((0.0, 0.5, 1.0), lambda share: chart.shown(share * top))
    parts += _ticks(chart.categories, step, 1)
    for css, one in chart.coloured():
        points = [
            (_LEFT + (index + 0.5) * step, _PLOT_HEIGHT * (1 - value / (top or 1)))
            for index, value in enumerate(one.values)
            if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="line {css}" points="{path}"/>')
        parts += [f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points]
    return _framed(chart, _PLOT_HEIGHT + 20, parts)


def _grid(shares: Iterable[float], shown: Callable[[float], str]) -> list[str]:
    parts = []
    for share in shares:
        y = _PLOT_HEIGHT * (1 - share)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        parts.append(_text(_LEFT - 5, max(y + 4, 9), shown(share), "axis end"))
    return parts


def _ticks(labels: Sequence[str], step: float, every: int) -> list[str]:
    return [
        _text(_LEFT + (index + (0.5 if every == 1 else 0)) * step, _PLOT_HEIGHT + 15, label, css)
        for index, label in enumerate(labels)
        if index % every == 0
        for css in ("axis mid" if every == 1 else "axis",)
    ]


def _rect(x: float, y: float, width: float, height: float, css: str) -> str:
    return (
        f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )


def _text(x: float, y: float, text: str, css: str) -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _framed(chart: Chart, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 -4 {WIDTH} {height + 6:.0f}" role="img"'
        f' aria-labelledby="{chart.id}-t {chart.id}-d">'
        f'<title id="{chart.id}-t">{escape(chart.title)}</title>'
        f'<desc id="{chart.id}-d">{escape(chart.says)}</desc>' + "".join(parts) + "</svg>"
    )
