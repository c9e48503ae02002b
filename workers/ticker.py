"""The relay as a process: one ticker works at a time, the others stand by to take its turn."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Final

from broker.steps.beat import Part, beating
from broker.store.turns import Turn
from broker.wiring import Wiring
from workers.app import make_app
from workers.relay import Relay, usual_rounds
from workers.tasks import publisher

TURN: Final = "relay"
HELD_S: Final = 10.0
RENEWED_S: Final = 3.0
STANDING_BY_S: Final = 1.0
LOOKS_EVERY_S: Final = 0.02


def tick(wiring: Wiring, over: threading.Event) -> None:
    """Feed the queue whenever the turn is ours, until it is over."""
    turn = Turn(wiring.store, wiring.clock, TURN, secrets.token_hex(8))
    try:
        while not over.is_set():
            if turn.take(HELD_S):
                _work(wiring, turn, over)
            else:
                over.wait(STANDING_BY_S)
    finally:
        turn.give_up()


def _work(wiring: Wiring, turn: Turn, over: threading.Event) -> None:
    """Until it is over, or the turn is lost: then another began where we do not know."""
    settings = wiring.settings
    app = make_app(settings.queue_url, settings.queue_prefix)
    accounts = settings.accounts
    renew_at = time.monotonic() + RENEWED_S
    lost = False

    def done() -> bool:
        nonlocal renew_at, lost
        if time.monotonic() >= renew_at:
            lost, renew_at = not turn.take(HELD_S), time.monotonic() + RENEWED_S
        return lost or over.is_set()

    relay = Relay(
        store=wiring.store,
        rules=wiring.rules,
        providers=tuple(accounts),
        publish=publisher(app, settings.queue_prefix),
        clock=wiring.clock,
        seconds=time.monotonic,
        rounds=usual_rounds(accounts, settings.sweep_every_s, settings.reconcile_every_s),
    )
    try:
        with beating(wiring.store, Part.TICKER):
            relay.run(wiring.store.listen, done, LOOKS_EVERY_S)
    finally:
        app.close()
