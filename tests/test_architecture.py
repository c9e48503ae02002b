"""What a machine can check of the shape of the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.imports import heavy_modules_after

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("broker", "migrations", "providers", "workers")
LONGEST: Final = 300

# Written in pieces, so that this file does not name them either.
REGISTRY_HOSTS: Final = tuple(
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("files", f"python{'hosted'}", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("conda", "anaconda", "org"),
        ("proxy", "golang", "org"),
        ("index", "crates", "io"),
        ("static", "crates", "io"),
    )
)
NOT_OURS: Final = frozenset({"__pycache__", "build", "dist", "node_modules"})


def our_files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file of the checkout; of the hidden folders only `.ci`."""
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".") and path.name not in {".ci", ".gitignore"}
        if hidden or path.name in NOT_OURS or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from our_files(path)
        else:
            yield path


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_longer_than_a_reader_can_hold(package: str) -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    }
    assert lines
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is_for(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_the_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_names_a_package_registry() -> None:
    naming = [
        (str(path.relative_to(ROOT)), host)
        for path in our_files()
        for host in REGISTRY_HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert naming == []


def test_the_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if "==" not in line or set(line) & set(" /@:;")] == []


def test_importing_the_broker_loads_no_server_and_no_cloud() -> None:
    assert heavy_modules_after("import broker") == []


def test_the_client_loads_no_server_and_no_cloud() -> None:
    assert heavy_modules_after("import broker.client") == []


def test_asking_the_command_for_help_loads_no_server_and_no_cloud() -> None:
    ask = (
        "import contextlib, sys\n"
        "from broker.cli.main import main\n"
        "sys.argv = ['broker', '--help']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert heavy_modules_after(ask) == []
