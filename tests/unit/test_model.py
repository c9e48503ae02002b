"""The model of the protocol (tests/model): its quick half, and that no law of it is idle."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model import check
from tests.model.check import CONFIGURATIONS, FAULTS, LIVENESS, Configuration, Fault

MODEL = "".join(path.read_text() for path in check.MODELS.glob("*.pml"))
QUICK = [one for one in CONFIGURATIONS if not one.slow]
A_FEW = [fault for fault in FAULTS if fault.name in ("EARLY_SPILL", "LATE_YES", "FORGOTTEN_TIMER")]

needs_spin = pytest.mark.skipif(check.missing() is not None, reason=str(check.missing()))


@pytest.mark.slow
@needs_spin
@pytest.mark.parametrize("one", QUICK, ids=lambda one: one.name)
def test_the_laws_hold_in_every_state_of(one: Configuration) -> None:
    verdict = check.verify(one)
    assert verdict.breach is None
    assert verdict.states > 1000


@pytest.mark.slow
@needs_spin
@pytest.mark.parametrize("fault", A_FEW, ids=lambda fault: fault.name)
def test_a_planted_fault_breaks_its_law(fault: Fault) -> None:
    assert check.planted(fault).breach == fault.law


def test_every_fault_of_the_model_is_planted_by_the_check() -> None:
    assert set(re.findall(r"\bFAULT_(\w+)", MODEL)) == {fault.name for fault in FAULTS}


def test_every_law_of_the_model_has_a_fault_that_breaks_it() -> None:
    asserted = set(re.findall(r"assert\((\w+) \|\|", MODEL)) | {LIVENESS}
    assert asserted == {fault.law for fault in FAULTS}


def test_every_law_of_the_model_is_listed_with_its_faults() -> None:
    listed = (check.MODELS / "README.md").read_text()
    for fault in FAULTS:
        assert re.search(rf"\| {fault.law} \|.*{fault.name}\b", listed), fault


def test_without_spin_the_check_says_where_it_comes_from() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.check"],
        env={"PATH": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("spin is not installed")
    assert "package `spin`" in done.stderr
