"""The holder's webhook, which takes a notice, breaks down, is slow, or loses its answer."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from broker.domain.notice import Notice
from broker.ports import Posted, Took, Unheard, Untold, Webhook
from tests.fuzz.seams import Seams

_SLOW_S: Final = 10


class Answers(StrEnum):
    """How the next notice is answered; where nothing is said it is taken."""

    DOWN = "refuses connections"
    BROKEN = "answers 503"
    SLOW = "takes its time, and then the notice"
    HANGS = "does not answer in time"
    LOST = "takes the notice, and its answer is lost"
    OURS = "cannot be found from here"
    ODD = "redirects us"


_UNHEARD: Final = frozenset({Answers.DOWN, Answers.BROKEN, Answers.HANGS, Answers.LOST})
_SLOWLY: Final = frozenset({Answers.SLOW, Answers.HANGS})


def _nobody_waits(_: float) -> None: ...


@dataclass(kw_only=True)
class FuzzWebhook:
    seams: Seams
    moods: deque[Answers] = field(default_factory=deque)
    happened: Counter[str]
    waits: Callable[[float], object] = _nobody_waits
    """Lets time pass while it is slow; everybody else goes on working meanwhile."""

    def post(self, _: Webhook, notice: Notice, __: datetime) -> Posted:
        self.seams.pass_by(f"before {notice.id} is posted")
        mood = self.moods.popleft() if self.moods else None
        if mood is not None:
            self.happened[f"webhook {mood.value}"] += 1
        if mood in _SLOWLY:
            self.waits(_SLOW_S)
        self.seams.pass_by(f"after {notice.id} was posted")
        if mood in _UNHEARD:
            return Unheard(f"the webhook {mood.value}")
        return Took() if mood in (None, Answers.SLOW) else Untold(f"the webhook {mood.value}")
