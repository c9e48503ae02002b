"""Charts are well-formed, say what they show, and draw what they are given to scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from broker.replay.charts import Chart, Series, areas, bars, lines, nice, nice_time, stacked

NAMES: Final = ("exclusive", "a <b> & more")


def a_chart(*values: tuple[float | None, ...]) -> Chart:
    return Chart(
        id="c",
        title="Wait & <cost>",
        says='What "each" of them < waits.',
        categories=NAMES,
        series=tuple(Series(name=f"n{n}", values=row) for n, row in enumerate(values)),
        shown=lambda value: f"{value:.0f} <s>",
    )


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own text


def widths(svg: str) -> list[float]:
    return [float(rect.attrib["width"]) for rect in drawn(svg).iter("rect")]


@pytest.mark.parametrize("draw", [bars, stacked, partial(areas, label_every=1), lines])
@pytest.mark.parametrize(
    "chart", [a_chart((1, 2), (3, 4)), a_chart((0, 0)), a_chart((None, 5)), a_chart((None, None))]
)
def test_every_chart_is_well_formed_and_described(
    draw: Callable[[Chart], str], chart: Chart
) -> None:
    svg = drawn(draw(chart))
    assert svg.attrib["role"] == "img"
    assert [child.text for child in svg][:2] == [chart.title, chart.says]
    assert svg.attrib["aria-labelledby"] == "c-t c-d"
    assert all(float(rect.attrib["width"]) >= 0 for rect in svg.iter("rect"))


def test_bars_are_to_scale_and_what_is_not_known_is_said() -> None:
    one, other = widths(bars(a_chart((10, 20))))
    assert other == pytest.approx(2 * one, abs=0.2)
    assert "n/a" in bars(a_chart((10, None)))


def test_below_zero_a_bar_grows_the_other_way() -> None:
    left, right = drawn(bars(a_chart((-10, 10)))).iter("rect")
    assert float(left.attrib["x"]) + float(left.attrib["width"]) == pytest.approx(
        float(right.attrib["x"]), abs=0.2
    )


def test_as_shares_every_bar_is_as_long() -> None:
    chart = a_chart((1, 100), (1, 300))
    by_size, by_share = widths(stacked(chart)), widths(stacked(chart, as_shares=True))
    assert sum(by_size[:2]) < sum(by_size[2:]) / 50
    assert sum(by_share[:2]) == pytest.approx(sum(by_share[2:]), abs=0.5)


@pytest.mark.parametrize(("value", "end"), [(0, 1), (0.3, 0.4), (1, 1), (7, 10), (41, 50)])
def test_an_axis_ends_at_a_round_number(value: float, end: float) -> None:
    assert nice(value) == pytest.approx(end)


@pytest.mark.parametrize(("seconds", "end"), [(45, 60), (1900, 3600), (200_000, 4 * 86_400)])
def test_an_axis_of_time_ends_at_a_round_time(seconds: float, end: float) -> None:
    assert nice_time(seconds) == end
