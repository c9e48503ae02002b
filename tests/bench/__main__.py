"""`python -m tests.bench`: measure, print, judge nothing. Only a row that breaks is an error."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence

from tests.bench import deciding, fleet, latency, million, reconciling, starting, submitting
from tests.bench.harness import Missing, Row, machine, measure
from tests.bench.table import HEAD, cells, left_out, line, markdown


def every_row() -> list[Row]:
    parts = (deciding, million, submitting, latency, fleet, reconciling, starting)
    return [row for part in parts for row in part.rows()]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="rows whose name has this text")
    parser.add_argument("--runs", type=int, help="how many runs of each row")
    parser.add_argument("--markdown", action="store_true", help="print the table for a README")
    parser.add_argument("--long", action="store_true", help="also the rows that take minutes")
    options = parser.parse_args(arguments)
    # What was started for a row ends with us, also when we are told to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    said = machine()
    live = sys.stderr if options.markdown else sys.stdout
    print(f"{said}\n\n{line(HEAD)}", file=live)
    done: list[tuple[str, ...]] = []
    broken = 0
    for row in every_row():
        if options.only.lower() not in row.name.lower() or (row.long and not options.long):
            continue
        try:
            done.append(cells(measure(row, options.runs)))
        except Missing as why:
            done.append(left_out(row, str(why)))
        except Exception:  # noqa: BLE001 - the other rows are still worth having
            traceback.print_exc()
            broken += 1
            done.append(left_out(row, "it broke; see above"))
        print(line(done[-1]), file=live, flush=True)
    if options.markdown:
        print(markdown(done, said))
    return 1 if broken else 0


sys.exit(main(sys.argv[1:]))
