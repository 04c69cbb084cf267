"""vtn-stream: the commands, each in a module of its own that is imported when it is called.

Exit codes: 0 done, 1 something failed (one line says what), 2 wrong usage, 130 interrupted.
"""

import difflib
import importlib
import io
import os
import sys

import click

from vtn_stream.errors import VtnStreamError

from .interrupts import watch_interrupts

COMMANDS = {
    "analyze": "Draw the timeline of films.",
    "batch": "Draw the timelines of many films, on every core or a Ray cluster.",
    "follow": "Draw the timeline of a film while it is written.",
    "annotate": "Make pages in which you say what happens in films.",
    "probe": "Show a film's clock and shape.",
    "export": "Write timelines in other formats, or a part of what is in them.",
    "cut": "Cut clips out of films, by their timelines.",
    "convert": "Write a file of another program as a timeline, or in any other format.",
    "report": "Make a timeline's page, or a folder's.",
    "review": "Show what people corrected in timelines, and how good the model was.",
    "stats": "Show how often things happen in films and how long they last: time budgets.",
    "plot": "Draw timelines as pictures.",
    "suggest": "Choose the moments whose annotation would teach a model most.",
    "train": "Train a model of your own actions, from annotated films.",
    "models": "Import, fetch and describe models.",
    "evaluate": "Measure timelines, or a model, against annotations.",
    "cache": "Look at and check the stored embeddings, and free their space.",
    "cluster": "Check the machines that a batch would run on.",
    "doctor": "Check this installation; a report to paste into an issue.",
}


SPELLINGS = {"analyse": "analyze"}


class _Commands(click.Group):
    """Commands by name; help lists them without importing them, so that it is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = SPELLINGS.get(name, name)
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f".{name}", __package__), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0].lower(), COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vtn-stream", prog_name="vtn-stream")
@click.option("-q", "--quiet", is_flag=True, help="Print only warnings and errors, for commands that have --quiet.")
def vtn_stream(quiet: bool) -> None:
    """Turn hour-long video into timelines.

    \b
    vtn-stream analyze movie.mp4
    """
    from .console import hush  # every command loads it, the list of commands does not

    hush(False)


def main() -> None:
    """The console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Unicode shows escapes
    watch_interrupts()
    try:
        status = vtn_stream(prog_name="vtn-stream", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except VtnStreamError as error:
        click.echo(f"vtn-stream: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("vtn-stream: interrupted; what was stored is kept, run the same command again to continue", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # of our own output: everything else is reported as a VtnStreamError
        click.echo(f"vtn-stream: the output cannot be written ({error.strerror}); the rest of it is lost", err=True)
        os._exit(1)  # the interpreter would try to write it once more
    sys.exit(status if isinstance(status, int) else 0)
