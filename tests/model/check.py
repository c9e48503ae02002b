"""Check the model of the protocol with spin, and each law of it by a fault that breaks it.

Run by `make model`. Each configuration must hold over every state there is; each planted fault must
break the law that is named beside it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODELS: Final = Path(__file__).parent
MISSING: Final = (
    "{0} is not installed, and the model cannot be checked without it. Install the distribution's "
    "package `{1}` (Debian and Ubuntu: apt install {1}; macOS: brew install {1})."
)
MEMORY_MB: Final = 3000
LIVENESS: Final = "L1"
"""An offer that is open ends: the one law here that is about what must happen."""


@dataclass(frozen=True, slots=True)
class Configuration:
    name: str
    says: str
    defines: tuple[str, ...]
    slow: bool = False
    """Takes more than a few seconds."""
    model: str = "protocol.pml"

    @property
    def live(self) -> bool:
        return "LIVENESS" in self.defines


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    law: str
    configuration: str


@dataclass(frozen=True, slots=True)
class Verdict:
    breach: str | None
    """The law that is broken, or what else spin found; None where all of it holds."""
    states: int
    depth: int
    seconds: float
    memory_mb: float


_ALL: Final = ("REQUOTE", "AMENDED", "CANCEL", "LOSS", "OUTAGE=2")
CONFIGURATIONS: Final = (
    Configuration("parts", "a person's desk, units apart", ("OFFERS=2",)),
    Configuration("gang", "a person's desk, a gang", ("GANG", "OFFERS=3", *_ALL)),
    Configuration("outage", "our outages, within windows and across them", ("OUTAGE=2",)),
    Configuration("requote", "terms that change, three versions", ("REQUOTE", "OFFERS=3")),
    Configuration("all", "requotes, amendments, cancels, losses, outages", _ALL),
    Configuration("open", "an open offer ends", ("LIVENESS", "OUTAGE=2")),
    Configuration("desk", "the automatic desk", ("CLOUDS", "AUTOMATIC", "OFFERS=1"), slow=True),
    Configuration(
        "desk-gang",
        "the same, a gang, with losses",
        ("CLOUDS", "AUTOMATIC", "OFFERS=1", "GANG", "LOSS"),
        slow=True,
    ),
    Configuration("migration", "one unit asked back, moved and fenced", (), model="migration.pml"),
    Configuration(
        "leases",
        "machines, leases and losses of one unit, with cancels",
        ("CLOUDS", "UNITS=1", "MACHINES=2", "LOSS", "CANCEL", "OFFERS=2", "UNSURE_ANSWERS"),
        slow=True,
    ),
    Configuration(
        "clouds", "two workers and a gang's machines", ("CLOUDS", "GANG", "OFFERS=1"), slow=True
    ),
)
FAULTS: Final = (
    Fault("LOST_UNIT", "I1", "parts"),
    Fault("EARLY_SPILL", "I2", "parts"),
    Fault("SPILL_IN_OFFER", "I3", "parts"),
    Fault("TWO_OFFERS", "I4", "parts"),
    Fault("NO_FENCE", "I5", "leases"),
    Fault("DUPLICATE", "I6", "parts"),
    Fault("STALE_WRITE", "I6", "parts"),
    Fault("LATE_YES", "I7", "parts"),
    Fault("TIE", "I7", "parts"),
    Fault("EAGER_LATE", "I7", "outage"),
    Fault("LATE_HOLD", "I7", "desk"),
    Fault("ONE_NUMBER", "I8", "parts"),
    Fault("AFTER_TAIL", "I9", "parts"),
    Fault("NO_RECEIPT", "I11", "parts"),
    Fault("EARLY_LAPSE", "I12", "parts"),
    Fault("NO_TOLL", "I12", "outage"),
    Fault("SPLIT_GANG", "I18", "gang"),
    Fault("SPLIT_COMMITMENT", "I18", "gang"),
    Fault("DEFAULT_TWICE", "I19", "parts"),
    Fault("DEFAULT_OFFERED_AGAIN", "I19", "parts"),
    Fault("WITHDRAWAL_RELEASES", "I20", "all"),
    Fault("UNLIMITED_REQUOTES", "I21", "requote"),
    Fault("STALE_STANDING", "I22", "desk"),
    Fault("STALE_ANSWER", "I30", "leases"),
    Fault("EARLY_MOVE", "I29", "migration"),
    Fault("UNTOLD_MOVE", "I29", "migration"),
    Fault("UNFENCED", "I5", "migration"),
    Fault("NO_WAITING", "I5", "migration"),
    Fault("STARTED_UNCHECKED", "I30", "migration"),
    Fault("OWN_FAULT_LAPSES", "OURS", "desk"),
    Fault("FORGOTTEN_TIMER", LIVENESS, "open"),
)


def configuration(name: str) -> Configuration:
    return next(one for one in CONFIGURATIONS if one.name == name)


def missing() -> str | None:
    """The sentence to say where a program is missing that the check needs."""
    for program, package in (("spin", "spin"), ("cc", "gcc")):
        if shutil.which(program) is None:
            return MISSING.format(program, package)
    return None


def verify(one: Configuration, fault: str | None = None) -> Verdict:
    """Look at every state of a configuration. Raises CalledProcessError where a tool fails."""
    defines = [*one.defines, *([f"FAULT_{fault}"] if fault else [])]
    with tempfile.TemporaryDirectory(prefix="model-") as made:
        spin = ["spin", *(f"-D{define}" for define in defines), "-a", str(MODELS / one.model)]
        _run(spin, made)
        kind = ["-DNFAIR=4"] if one.live else ["-DSAFETY"]
        limits = [f"-DMEMLIM={MEMORY_MB}", "-DVECTORSZ=2048", "-DCOLLAPSE", "-DNOREDUCE"]
        _run(["cc", "-O1" if fault else "-O2", "-w", *kind, *limits, "-o", "pan", "pan.c"], made)
        search = ["-a", "-f"] if one.live else []
        return _read(_run(["./pan", "-m1000000", "-w24", *search], made), one)


def planted(fault: Fault) -> Verdict:
    return verify(configuration(fault.configuration), fault.name)


def _run(command: list[str], where: str) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode or "Error:" in done.stdout:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout + done.stderr)
    return done.stdout


def _read(said: str, one: Configuration) -> Verdict:
    def number(pattern: str) -> float:
        found = re.search(pattern, said)
        return float(found[1]) if found else 0.0

    return Verdict(
        breach=_breach(said, one),
        states=int(number(r"([\d.e+]+) states, stored")),
        depth=int(number(r"depth reached (\d+)")),
        seconds=number(r"elapsed time ([\d.e+]+) seconds"),
        memory_mb=number(r"([\d.]+)\s+total actual memory"),
    )


def _breach(said: str, one: Configuration) -> str | None:
    if violated := re.search(r"assertion violated (.*)", said):
        law = re.search(r"\b(I\d+|OURS)\|\|", violated[1])
        return law[1] if law else violated[1]
    if one.live and "acceptance cycle" in said:
        return LIVENESS
    if "errors: 0" not in said or "Search not completed" in said or "max search depth" in said:
        return "the search was not completed"
    return None


def _checked() -> Iterator[bool]:
    heads = ("configuration", "states", "depth", "time", "memory")
    print("{:<32}{:>10}{:>9}{:>9}{:>9}  verdict".format(*heads))  # noqa: T201 - the table
    with ThreadPoolExecutor(max_workers=2) as two:
        verdicts = two.map(verify, CONFIGURATIONS)
        breaches = two.map(planted, FAULTS)
        for one, verdict in zip(CONFIGURATIONS, verdicts, strict=True):
            yield _line(one.name, verdict, None)
        for fault, verdict in zip(FAULTS, breaches, strict=True):
            yield _line(f"{fault.name} ({fault.configuration})", verdict, fault.law)


def _line(name: str, verdict: Verdict, law: str | None) -> bool:
    right = verdict.breach == law
    if law is None:
        found = f"broken: {verdict.breach}" if verdict.breach else "holds"
    else:
        found = f"breaks {verdict.breach}" + ("" if right else f", not {law}")
    print(  # noqa: T201 - a line of the table
        f"{name:<32}{verdict.states:>10,}{verdict.depth:>9,}"
        f"{verdict.seconds:>7.1f} s{verdict.memory_mb:>6.0f} MB  {found}",
        flush=True,
    )
    return right


def main() -> int:
    if because := missing():
        print(because, file=sys.stderr)  # noqa: T201 - for the person who ran it
        return 1
    right = list(_checked())
    wrong = right.count(False)
    print(  # noqa: T201 - the sum
        f"{wrong} of {len(right)} are not as they should be." if wrong else "All as they should be."
    )
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
