"""The log: export and tail it, audit an exported one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from broker.cli.options import Json
from broker.cli.shell import FAILED, OK, Shell, out, out_json, say, shell_of
from broker.client.errors import BrokerError, NotFound
from broker.domain.chain import Fact, MalformedLine, exported, read_lines

if TYPE_CHECKING:
    from broker.domain.explanation import Explanation

app = typer.Typer(help="The log: export, tail.", no_args_is_help=True)

_PAGE = 1000
_SHOWN_EVERY = 100_000


@app.command()
def export(
    context: typer.Context,
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Else stdout.")] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Read the database, without a broker.")
    ] = None,
    json: Json = False,
) -> None:
    """Write every sealed fact as JSON lines, for `broker audit`."""
    facts = _begun(_stored(database) if database else _served(shell_of(context)))
    if file is None or file == "-":
        written = _write(facts, sys.stdout)
    else:
        with _opened(file) as sink:
            written = _write(facts, sink)
        if json:
            out_json("export", {"file": file, "facts": written})
    said = f"{written} facts written"
    say(f"{said}; prove them: broker audit {file}" if file and file != "-" else said)


@app.command()
def tail(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on for ever.")] = False,
    after: Annotated[int, typer.Option(min=0, help="From the fact after this position.")] = 0,
    json: Json = False,
) -> None:
    """Print the facts of the log as they are sealed."""
    for fact in _served(shell_of(context), after, follow=follow):
        if json:
            out_json("fact", fact._asdict())
        else:
            out(fact_line(fact))
        sys.stdout.flush()


def audit(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An exported log; - stdin.")],
    head: Annotated[str | None, typer.Option(help="The hash its last fact must have.")] = None,
    json: Json = False,
) -> None:
    """Check chain and laws of an exported log, from it alone."""
    from broker.domain.laws import audit as check
    from broker.domain.laws import sentences

    try:
        if file == "-":
            report = check(_counted(read_lines(sys.stdin)), head)
        else:
            with Path(file).open(encoding="utf-8") as lines:
                report = check(_counted(read_lines(lines)), head)
    except MalformedLine as broken:
        raise _no_log(file, f"{str(broken).removesuffix('.')}; export it again") from None
    except UnicodeDecodeError:
        raise _no_log(file, "it is no UTF-8, so it is no exported log; check its name") from None
    except OSError as broken:
        raise _no_log(file, f"it cannot be read ({broken.strerror}); check its name") from None
    if not report.facts:
        raise _no_log(file, "there is no fact in it, so it proves nothing; check its name")
    if json:
        breaches = [breach._asdict() for breach in report.breaches]
        said = {"holds": report.holds, "facts": report.facts, "head": report.head_hash}
        span = {"first_at": report.first_at, "last_at": report.last_at}
        out_json("audit", {**said, **span, "laws": report.laws_checked, "breaches": breaches})
    else:
        out("\n".join(sentences(report)))
    raise typer.Exit(OK if report.holds else FAILED)


def explained(file: str, job: str) -> Explanation:
    """The story of a job by its id or name, from an exported log alone. Raises BrokerError."""
    from broker.agreements.read import read_recorded
    from broker.domain.explain import explain, jobs_called

    try:
        with Path(file).open(encoding="utf-8") as lines:
            facts = list(read_lines(lines))
    except OSError as missing:
        sentence = f"{file}: {missing.strerror or missing}; check its name"
        raise BrokerError(sentence, code="invalid_file") from None
    except (MalformedLine, UnicodeDecodeError) as broken:
        raise BrokerError(f"{file}: {broken}", code="invalid_file") from None
    found = jobs_called(facts, job)
    if len(found) != 1:
        how = "no job" if not found else f"{len(found)} jobs"
        sentence = f"{file}: {how} called {job!r}; give an id that stands in it"
        raise NotFound(sentence)
    return explain(facts, found[0], read_recorded)


def _no_log(file: str, sentence: str) -> BrokerError:
    label = "stdin" if file == "-" else file
    return BrokerError(f"{label}: {sentence}", code="invalid_file")


def _opened(file: str) -> IO[str]:
    try:
        return Path(file).open("w", encoding="utf-8")
    except OSError as broken:
        raise BrokerError(
            f"{file}: it cannot be written ({broken.strerror}); "
            "name a file in a folder that is there and yours",
            code="invalid_file",
        ) from None


def fact_line(fact: Fact) -> str:
    """A fact on one line: position, instant, type, and what it says."""
    said = "  ".join(f"{name}={_short(value)}" for name, value in fact.data.items() if value)
    return f"{fact.position:>6}  {fact.at[:23]}Z  {fact.type:<20} {said}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - on one line


def _served(shell: Shell, after: int = 0, *, follow: bool = False) -> Iterator[Fact]:
    from broker.client.handle import follow_pages

    for page in follow_pages(shell.line, "/v1/facts", follow=follow, after=after):
        for item in page["items"]:
            yield Fact(**{name: item[name] for name in Fact._fields})


def _stored(url: str) -> Iterator[Fact]:
    from broker.store.schema import require_head
    from broker.wiring import open_store

    store = open_store(url)
    try:
        require_head(store.engine)
        after = 0
        while facts := store.facts(after, _PAGE):
            yield from facts
            after = facts[-1].position
    finally:
        store.close()


def _begun(facts: Iterable[Fact]) -> Iterable[Fact]:
    """The same facts, the first of them fetched: a broker that is away spoils no earlier file."""
    coming = iter(facts)
    return chain(list(islice(coming, 1)), coming)


def _write(facts: Iterable[Fact], sink: IO[str]) -> int:
    count = 0
    for fact in _counted(facts):
        sink.write(exported(fact) + "\n")
        count += 1
    return count


def _counted(facts: Iterable[Fact]) -> Iterator[Fact]:
    """The same facts; says how far it is when there are many."""
    for count, fact in enumerate(facts, start=1):
        yield fact
        if count % _SHOWN_EVERY == 0:
            say(f"{count} facts ...")
