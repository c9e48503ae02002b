"""The command `broker`: its commands, its exit codes, and one sentence for every error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typing_extensions import override

from broker.cli.shell import CODES, FAILED, INTERRUPTED, USAGE, Shell, exit_code, say
from broker.client.errors import BrokerError

_OURS: Final = frozenset({"CannotServeError", "WrongRevision", "MalformedTraceError"})
"""Errors that are sentences already, of packages that are not loaded for their names' sake."""
_OF_A_DATABASE: Final = frozenset({"OperationalError", "DatabaseError"})


class Commands(TyperGroup):
    """Turns what goes wrong into one sentence on stderr and the published exit code."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokerError as error:
            if _traced(ctx):
                raise
            hint = f"; {error.hint}" if error.hint else ""
            say(f"broker: {error.message}{hint}")
            raise typer.Exit(exit_code(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _let_go_of_stdout()
            raise typer.Exit(FAILED) from None
        except typer.BadParameter as wrong:
            wrong.message = _worded(wrong)
            raise
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as surprise:
            if _traced(ctx):
                raise
            raise typer.Exit(_told(surprise)) from None


def _worded(wrong: typer.BadParameter) -> str:
    """What an option must be, in our own words."""
    from pydantic import ValidationError

    from broker.wire.wording import predicate

    cause = wrong.__cause__
    if not isinstance(cause, ValidationError):
        return wrong.message
    return f"it {predicate(cause.errors(include_url=False)[0])}"


def _traced(context: Any) -> bool:  # noqa: ANN401 - typer's own kind of context
    return isinstance(context.obj, Shell) and context.obj.traceback


def _told(surprise: Exception) -> int:
    sentence = " ".join(str(surprise).split())
    if isinstance(surprise, FileNotFoundError | PermissionError | IsADirectoryError):
        named = surprise.filename or "a file"
        say(f"broker: {named}: {surprise.strerror}; check its name")
        return USAGE
    if isinstance(surprise, ValueError | OSError) or type(surprise).__name__ in _OURS:
        say(f"broker: {sentence}")
        return USAGE
    if _of_the_database(surprise):
        said = " ".join(str(getattr(surprise, "orig", "")).split())
        say(f"broker: database_url: {said or sentence}; start the database, or name another")
        return USAGE
    say(f"broker: {type(surprise).__name__}: {sentence}; `broker --traceback …` shows where")
    return FAILED


def _of_the_database(surprise: Exception) -> bool:
    """Whether the database is away: told by its name, for SQLAlchemy is not loaded for it."""
    kind = type(surprise)
    return kind.__name__ in _OF_A_DATABASE and kind.__module__.startswith("sqlalchemy")


def _let_go_of_stdout() -> None:
    """Nobody reads on: what is left in the buffer must not be tried again at the end."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_PASSING_ON: Final = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}

_HOMES: Final = {
    "up": "processes",
    "demo": "processes",
    "run": "run",
    "submit": "jobs",
    "quote": "jobs",
    "ps": "jobs",
    "show": "jobs",
    "logs": "jobs",
    "events": "jobs",
    "explain": "jobs",
    "amend": "jobs",
    "cancel": "jobs",
    "offers": "offers",
    "answer": "offers",
    "key": "keys",
    "reclaim": "reclaims",
    "cool-downs": "cool_downs",
    "withdraw": "withdrawals",
    "agreement": "agreement",
    "spend": "spend",
    "scorecard": "accounts",
    "meters": "accounts",
    "prices": "processes",
    "replay": "replay",
    "audit": "log",
    "log": "log",
    "server": "processes",
    "worker": "processes",
    "ticker": "processes",
    "migrate": "processes",
}
"""Which module has each command, in the order of `--help`."""


def app_for(words: Sequence[str]) -> typer.Typer:
    """The command line for these words: only the command they name is built, or else all.

    Building one option costs a millisecond, and there are a hundred.
    """
    app = typer.Typer(
        name="broker",
        cls=Commands,
        help="Buys GPU capacity under a right of first refusal, and proves that it was kept.",
        epilog=CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    called = next((word for word in words if word in _HOMES), None)
    before = words[: words.index(called)] if called else ()
    alone = called is not None and not {"-h", "--help"}.intersection(before)
    for name in [called] if called and alone else _HOMES:
        _add(app, name)
    return app


def _add(app: typer.Typer, name: str) -> None:
    home = import_module(f"broker.cli.{_HOMES[name]}")
    if name in ("offers", "log", "agreement", "key", "cool-downs"):
        app.add_typer(home.app, name=name)
    elif words := getattr(home, "ELSEWHERE", {}).get(name):
        app.command(name, help=words, context_settings=_PASSING_ON)(home.elsewhere)
    else:
        app.command(name)(getattr(home, name))


def options(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="The broker; else BROKER_URL, else broker.toml.")
    ] = None,
    no_color: Annotated[bool, typer.Option("--no-color", envvar="NO_COLOR")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where it broke.")] = False,
) -> None:
    shell = Shell(url=url, color=not no_color, traceback=traceback)
    context.obj = shell
    context.call_on_close(shell.close)


def main() -> None:
    app_for(sys.argv[1:])(prog_name="broker")
