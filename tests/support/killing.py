"""A worker that is killed between any two lines of chosen files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import broker
import providers

_ROOT = Path(broker.__file__).parent.parent
assert Path(providers.__file__ or "").parent.parent == _ROOT


class Killed(BaseException):
    """The process ends here; what it had not committed never was."""


@dataclass(slots=True)
class Line:
    """Counts the lines that are passed, and kills at one of them, once."""

    files: tuple[str, ...]
    """Beginnings of paths, from the root of the checkout."""
    at: int | None = None
    passed: int = 0
    where: str = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Whoever runs in this block is killed when it comes to the line."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        except Killed:
            pass
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - a tracer
        del event
        path = frame.f_code.co_filename
        if path.startswith(str(_ROOT)) and path[len(str(_ROOT)) + 1 :].startswith(self.files):
            return self._step
        return None

    def _step(self, frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - a tracer
        if event == "line":
            self.passed += 1
            if self.passed == self.at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise Killed(self.where)
        return self._step
