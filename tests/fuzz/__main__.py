"""`make fuzz`: random histories of the real steps, judged by their logs alone."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.fuzz.reached import LEAST, too_rare
from tests.fuzz.run import Outcome, in_two_processes, stories, story_of

_EVERY_S = 10.0


class _Progress:
    """A line now and then."""

    def __init__(self, count: int) -> None:
        self.count, self.began, self.last = count, time.monotonic(), 0.0

    def __call__(self, so_far: Outcome) -> None:
        spent = time.monotonic() - self.began
        if spent - self.last < _EVERY_S and so_far.histories < self.count:
            return
        self.last = spent
        print(
            f"{so_far.histories:>7} of {self.count} histories ({so_far.on_sqlite} on SQLite), "
            f"{so_far.facts} facts, {so_far.histories / spent:.0f} a second, "
            f"{len(so_far.failed)} failed",
            flush=True,
        )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay the history of this seed and tell it")
    parser.add_argument("--histories", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=1, help="the seed to begin with")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        print(story_of(options.seed))
        return 0
    outcome = in_two_processes(options.first, options.histories, _Progress(options.histories))
    print("\nReached:")
    for name in LEAST:
        print(f"{outcome.found[name]:>9}  {name}")
    rare = list(too_rare(outcome.found, outcome.histories))
    for sentence in rare:
        print(f"Reached too rarely: {sentence}")
    for story in stories(outcome.failed):
        print(f"\n{story}")
    if outcome.failed:
        print(f"\n{len(outcome.failed)} histories failed, seeds {sorted(outcome.failed)[:20]}.")
    return 1 if rare or outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
