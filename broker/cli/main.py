"""The command `broker`: its commands, its exit codes, and one sentence for every error."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typing_extensions import override

from broker.cli import jobs, log, offers, processes
from broker.cli import run as running
from broker.cli.shell import CODES, FAILED, INTERRUPTED, USAGE, Shell, exit_code, say
from broker.client.errors import BrokerError

_OURS: Final = frozenset({"CannotServeError", "WrongRevision", "MalformedTraceError"})
"""Errors that are sentences already, of packages that are not loaded for their names' sake."""


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
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as surprise:
            if _traced(ctx):
                raise
            raise typer.Exit(_told(surprise)) from None


def _traced(context: Any) -> bool:  # noqa: ANN401 - typer's own kind of context
    return isinstance(context.obj, Shell) and context.obj.traceback


def _told(surprise: Exception) -> int:
    sentence = " ".join(str(surprise).split())
    if isinstance(surprise, FileNotFoundError | PermissionError | IsADirectoryError):
        say(f"broker: {surprise.filename}: {surprise.strerror}; check its name")
        return USAGE
    if isinstance(surprise, ValueError | OSError) or type(surprise).__name__ in _OURS:
        say(f"broker: {sentence}")
        return USAGE
    say(f"broker: {type(surprise).__name__}: {sentence}; `broker --traceback …` shows where")
    return FAILED


def _let_go_of_stdout() -> None:
    """Nobody reads on: what is left in the buffer must not be tried again at the end."""
    import os
    import sys

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    name="broker",
    cls=Commands,
    help="Buys GPU capacity under a right of first refusal, and proves that the right was kept.",
    epilog=CODES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
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


_PASSING_ON: Final = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}

for _name in ("up", "demo"):
    app.command(_name, help=processes.ELSEWHERE[_name], context_settings=_PASSING_ON)(
        processes.elsewhere
    )
app.command()(running.run)
app.command()(jobs.submit)
app.command()(jobs.ps)
app.command()(jobs.show)
app.command()(jobs.logs)
app.command()(jobs.events)
app.command()(jobs.explain)
app.command()(jobs.cancel)
app.add_typer(offers.app, name="offers")
app.command()(offers.answer)
app.add_typer(log.app, name="log")
app.command()(log.audit)
app.command()(log.replay)
app.command()(processes.server)
app.command()(processes.migrate)
for _name in ("worker", "ticker"):
    app.command(_name, help=processes.ELSEWHERE[_name], context_settings=_PASSING_ON)(
        processes.elsewhere
    )


def main() -> None:
    app()
