"""The command line without a broker: usage, files, audit, and the published exit codes."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from broker.cli import render
from broker.cli.files import read_jobs
from broker.cli.main import app_for
from broker.cli.shell import CODES, exit_code
from broker.client.errors import (
    BrokerError,
    BrokerUnavailable,
    InvalidJob,
    JobCancelled,
    JobFailed,
    KeyTaken,
    NoCapacity,
    NotAuthorised,
    NotFound,
)
from broker.domain.chain import exported
from tests.support import stories
from tests.support.logs import sealed

JOB = "name: tune\nkind: training\nrun: echo hello\n"


def broker(*words: str, stdin: str | None = None) -> Result:
    done = CliRunner().invoke(app_for(words), list(words), input=stdin)
    assert "Traceback" not in done.output
    return done


def a_file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def a_log(folder: Path, *, spoilt: bool = False) -> str:
    facts = sealed(stories.a_spilled_job().drafts)
    if spoilt:
        facts[4] = facts[4]._replace(data={**facts[4].data, "units": [0]})
    return a_file(folder, "day.jsonl", "".join(exported(fact) + "\n" for fact in facts))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobFailed("x", exit_code=3), 1),
        (InvalidJob("x"), 2),
        (BrokerError("x", code="invalid_file"), 2),
        (NotAuthorised("x"), 3),
        (NotFound("x"), 4),
        (BrokerError("x", code="late"), 5),
        (KeyTaken("x"), 5),
        (InvalidJob("x", code="nonconforming"), 5),
        (NoCapacity("x"), 6),
        (BrokerUnavailable("x"), 7),
        (JobCancelled("x"), 8),
    ],
)
def test_each_error_has_its_published_code(error: BrokerError, code: int) -> None:
    assert exit_code(error) == code


def test_help_names_every_command_and_every_code() -> None:
    done = broker("--help")
    assert done.exit_code == 0
    commands = "up demo run submit ps show logs events explain cancel offers answer replay audit"
    for word in [*commands.split(), *["log", "migrate", "server", "worker", "ticker"]]:
        assert f"  {word} " in done.output
    for code in ("0 ok", "2 usage", "5 refused", "124 timeout", "130 interrupted"):
        assert code in CODES
        assert code in " ".join(done.output.split())


@pytest.mark.parametrize("words", [("ps", "--bogus"), ("nothing",), ("answer", "o1", "perhaps")])
def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    assert broker(*words).exit_code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "--nodes", "0", "--", "true"), "'--nodes': it must be at least 1, not '0'"),
        (("run", "--wait", "soon", "--", "true"), "'--wait': it must be a number, not 'soon'"),
        (("ps", "--limit", "5000"), "'--limit': it must be at most 1000, not '5000'"),
        (
            ("worker", "--concurrency", "two"),
            "'--concurrency': it must be a whole number, not 'two'",
        ),
        (("up", "--port", "99999"), "'--port': it must be at most 65535, not '99999'"),
        (("demo", "--port", "-1"), "'--port': it must be at least 0, not '-1'"),
        (("cancel", "x", "--grace", "100000"), "'--grace': it must be at most 86400"),
        (("run", "--kind", "foo", "--", "true"), "broker: kind must be training, inference or"),
        (("run", "--timeout", "soon", "--", "true"), "broker: timeout: 'soon' is no span of time"),
        (("show", ""), "broker: a job is named by its id"),
        (("offers", "show", ""), "broker: an offer is named by its id"),
        (("up", "--capacity", "none.csv"), "broker: capacity: there is no file none.csv"),
        (("server", "--tls-certificate", "none.pem"), "tls_certificate: none.pem and its key"),
    ],
)
def test_an_option_that_cannot_be_is_said_in_our_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = broker(*words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Input should" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        "up",
        "demo",
        "run",
        "submit",
        "ps",
        "show",
        "logs",
        "events",
        "explain",
        "cancel",
        "offers ls",
        "offers show",
        "offers notice",
        "answer",
        "replay",
        "audit",
        "log export",
        "log tail",
        "server",
        "worker",
        "ticker",
        "migrate",
    ],
)
def test_every_command_says_what_each_of_its_words_means(words: str) -> None:
    """One look for all; `--json` for each; and nothing is left to guess."""
    done = broker(*words.split(), "-h")
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: broker {words}")
    assert "--json" in done.output
    lines = [*done.output.splitlines(), ""]
    silent = [
        line
        for line, after in pairwise(lines)
        if line.startswith("  -") and "  " not in line.strip() and not after.startswith("      ")
    ]
    assert silent == []


def test_a_log_that_keeps_the_laws_passes_its_audit(tmp_path: Path) -> None:
    done = broker("audit", a_log(tmp_path))
    assert done.exit_code == 0
    assert "laws hold" in done.stdout


def test_a_spoilt_log_is_a_breach_that_names_law_and_position(tmp_path: Path) -> None:
    done = broker("audit", a_log(tmp_path, spoilt=True), "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (said["schema"], said["holds"]) == ("broker.audit/v1", False)
    assert ("I26", [5]) in [(breach["law"], breach["positions"]) for breach in said["breaches"]]


def test_a_head_that_is_not_the_last_is_a_breach(tmp_path: Path) -> None:
    assert broker("audit", a_log(tmp_path), "--head", "0" * 64).exit_code == 1


def test_a_file_that_is_no_log_names_file_and_line(tmp_path: Path) -> None:
    done = broker("audit", a_file(tmp_path, "bad.jsonl", "{}\n"))
    assert done.exit_code == 2
    assert "bad.jsonl: Line 1 lacks 'position'" in done.stderr


def test_a_file_of_bytes_is_no_log_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\xff\xfe")
    done = broker("audit", str(path))
    assert done.exit_code == 2
    assert "bad.jsonl: it is no UTF-8" in done.stderr


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    for name, says in (("none.jsonl", "No such file"), (".", "Is a directory")):
        done = broker("audit", str(tmp_path / name))
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith(f"broker: {tmp_path / name}: it cannot be read ({says}")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["", "\n\n", " \r\n"])
def test_a_file_without_a_fact_proves_nothing(tmp_path: Path, text: str) -> None:
    done = broker("audit", a_file(tmp_path, "empty.jsonl", text), "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "empty.jsonl: there is no fact in it, so it proves nothing" in done.stderr


def test_a_log_that_is_cut_amid_a_line_says_so(tmp_path: Path) -> None:
    text = Path(a_log(tmp_path)).read_text(encoding="utf-8")
    done = broker("audit", a_file(tmp_path, "cut.jsonl", text[:-40]))
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        f"cut.jsonl: Line {text.count(chr(10))} is no JSON for it is cut off; export it again"
        in done.stderr
    )


def test_bytes_that_happen_to_be_text_are_no_log(tmp_path: Path) -> None:
    done = broker("audit", a_file(tmp_path, "bad.jsonl", "\0\1\2\n"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "bad.jsonl: Line 1 is no JSON from character 1" in done.stderr


def test_a_log_keeps_its_proof_when_its_lines_end_as_elsewhere(tmp_path: Path) -> None:
    text = Path(a_log(tmp_path)).read_bytes()
    (tmp_path / "crlf.jsonl").write_bytes(text.replace(b"\n", b"\r\n"))
    assert broker("audit", str(tmp_path / "crlf.jsonl")).exit_code == 0


@pytest.mark.parametrize("name", ["none/day.jsonl", "."])
def test_an_export_that_cannot_be_written_is_one_sentence(tmp_path: Path, name: str) -> None:
    database = f"sqlite:///{tmp_path / 'broker.db'}"
    assert broker("migrate", "--database", database).exit_code == 0
    done = broker("log", "export", str(tmp_path / name), "--database", database)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"broker: {tmp_path / name}: it cannot be written (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("one.yaml", JOB),
        ("one.json", json.dumps({"name": "tune", "kind": "training", "run": "echo hello"})),
        ("one.toml", 'name = "tune"\nkind = "training"\nrun = "echo hello"\n'),
        ("list.yaml", "- {name: tune, kind: training, run: echo hello}\n"),
        ("jobs.toml", '[[jobs]]\nname = "tune"\nkind = "training"\nrun = "echo hello"\n'),
    ],
)
def test_a_job_file_may_be_yaml_toml_or_json(tmp_path: Path, name: str, text: str) -> None:
    ((job, _, _),) = read_jobs(a_file(tmp_path, name, text))
    assert (job.name, job.kind, job.run) == ("tune", "training", "echo hello")


def test_one_file_may_hold_many_jobs(tmp_path: Path) -> None:
    assert len(read_jobs(a_file(tmp_path, "two.yaml", f"{JOB}---\n{JOB}"))) == 2


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("typo.yaml", JOB + "node: 2\n", "typo.yaml: node is no field here; did you mean nodes?"),
        ("later.yaml", JOB + "image: x\n", "image is not supported yet"),
        ("broken.yaml", "name: [\n", "broken.yaml, line 2: no YAML"),
        ("broken.json", '{\n "name": }', "broken.json, line 2: no JSON"),
        ("broken.toml", "name =\n", "broken.toml: no TOML"),
        ("empty.yaml", "", "empty.yaml: there is no job in it"),
        (
            "second.yaml",
            f"{JOB}---\nname: x\nkind: training\n",
            "second.yaml: jobs[1].run is needed",
        ),
        ("units.yaml", JOB + "nodes: -1\n", "units.yaml: nodes must be at least 1"),
        (
            "list.yaml",
            "jobs: [{kind: batch, name: a, run: r, tag: x}]",
            "list.yaml: jobs[0]: tag is",
        ),
        ("jobs.yaml", "jobs: 5\n", "jobs.yaml: jobs must be a list of jobs, not '5'"),
        ("texts.yaml", "- a\n- b\n", "texts.yaml: jobs[0]: a job is made of names and values"),
    ],
)
def test_a_bad_file_names_itself_and_the_place(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    done = broker("submit", a_file(tmp_path, name, text))
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_migrating_a_mistyped_path_makes_no_folder(tmp_path: Path) -> None:
    done = broker("migrate", "--database", f"sqlite:///{tmp_path}/mistyped/broker.db")
    assert done.exit_code == 2
    assert f"there is no folder {tmp_path}/mistyped: make it" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_told_so_and_kept(tmp_path: Path) -> None:
    file = a_file(tmp_path, "notes.txt", "not a database, but a page of notes\n" * 9)
    done = broker("migrate", "--database", f"sqlite:///{file}")
    assert done.exit_code == 2
    assert "database_url: file is not a database" in done.stderr
    assert Path(file).read_text(encoding="utf-8").startswith("not a database")


def test_migrating_makes_the_data_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("BROKER_DATABASE_URL", raising=False)
    assert broker("migrate").exit_code == 0
    assert broker("migrate", "--json").exit_code == 0


def test_run_refuses_a_pair_without_a_value() -> None:
    done = broker("run", "--env", "LR", "--", "true")
    assert done.exit_code == 2
    assert "--env: 'LR' is no pair" in done.stderr


def test_an_address_that_is_none_is_usage() -> None:
    done = broker("--url", "ftp://x", "ps")
    assert done.exit_code == 2
    assert "no address of a broker" in done.stderr


def test_stages_are_said_in_words() -> None:
    def said(type_: str, **data: Any) -> str | None:  # noqa: ANN401 - a fact's own fields
        return render.stage({"type": type_, "data": data}, "azure")

    assert said("OfferIssued", window_s=300) == "offered to azure, window 5 min 00 s from delivery"
    assert said("OfferRefused", reason="no_capacity") == "refused by azure: no_capacity"
    assert said("UnitsReleased", basis="lapse", units=[0, 1]) == "released by lapse: 2 units"
    assert said("NoticeSent") is None
