"""Where the play is shown: a live board on a terminal, and plain lines where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Final, Protocol, Self

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.live import Live
from rich.text import Text
from rich.theme import Theme

from workers.demo import board
from workers.demo.tale import Tale

MOST_LINES: Final = 130
"""How much news is told in plain lines; the figures still follow."""
_ABOVE: Final = 8
"""Lines that the board leaves to what is said before it."""
_LEAST: Final = 8


class Stage(AbstractContextManager["Stage"], Protocol):
    def show(self, tale: Tale, news: Iterable[tuple[float, str]], now: datetime, /) -> None:
        """How things stand, and what has happened since the last time, with its second."""
        ...

    def say(self, lines: Iterable[str]) -> None:
        """Lines that stay."""
        ...


class Colours(RegexHighlighter):
    base_style = "demo."
    highlights: ClassVar = [
        r"(?P<azure>\bazure\b(?: █+)?)",
        r"(?P<aws>\baws\b(?: █+)?)",
        r"(?P<gcp>\bgcp\b(?: █+)?)",
        r"(?P<oracle>\boracle\b(?: █+)?)",
        r"(?P<no>\b(?:still )?refused\b|\blapsed\b|\bfailed\b|\bfull\b|\bwithdrawn\b)",
        r"(?P<yes>\brunning\b|\bfinished\b|\baccepted\b|\bverified\b)",
        r"(?P<wait>\boffered, \d+\.\d of \d+\.\d s left|\bplacing\b)",
        r"(?P<faint>─+|░+|→)",
    ]


THEME: Final = Theme(
    {
        "demo.azure": "bold blue",
        "demo.aws": "bold yellow",
        "demo.gcp": "bold cyan",
        "demo.oracle": "bold magenta",
        "demo.no": "red",
        "demo.yes": "green",
        "demo.wait": "yellow",
        "demo.faint": "dim",
    }
)


def stage(*, terminal: bool | None = None, aside: bool = False) -> Stage:
    """The live board if there is a terminal, else plain lines; `aside`, plain lines on stderr."""
    if aside:
        return Lines(Console(theme=THEME, highlighter=Colours(), stderr=True))
    console = Console(theme=THEME, highlighter=Colours(), force_terminal=terminal)
    return Board(console) if console.is_terminal else Lines(console)


class Board:
    """Redraws the board in place; every picture has the same height, so nothing jumps."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._begun = False
        self._last: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, tale: Tale, _: Iterable[tuple[float, str]], now: datetime, /) -> None:
        if not self._begun:
            self._live.start()
            self._begun = True
        width, height = self._console.size
        picture = board.lines(tale, now, width, max(_LEAST, height - _ABOVE))
        self._live.update(_coloured(picture), refresh=True)
        self._last = board.lines(tale, now, width, board.FIXED)

    def say(self, lines: Iterable[str]) -> None:
        if self._begun:
            self._live.update(_coloured(self._last), refresh=True)
            self._live.stop()
            self._begun = False
        for line in lines:
            self._console.print(_coloured([line]), soft_wrap=True)


class Lines:
    """One line for each piece of news."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, _: Tale, news: Iterable[tuple[float, str]], __: datetime, /) -> None:
        for second, line in news:
            self._told += 1
            if self._told <= MOST_LINES:
                self.say([f"{second:6.1f} s  {line}"])
            elif self._told == MOST_LINES + 1:
                self.say(["          and so on; demo.jsonl has all of it"])

    def say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _coloured(lines: Iterable[str]) -> Text:
    text = Text("\n".join(lines), no_wrap=True, overflow="crop")
    Colours().highlight(text)
    return text
