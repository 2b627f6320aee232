"""`twsmq conform`: prove a client in any language, without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ..conform.runner import Verdict, run, vectors_folder
from .options import Unusable
from .terminal import echo, echo_json


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--vectors",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The golden vectors and sessions. [default: those of this version]",
)
@click.option("--only", metavar="TEXT", default="", help="Only those whose name holds TEXT.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each.")
def conform(command: tuple[str, ...], vectors: Path | None, only: str, as_json: bool) -> None:
    """Prove a client in any language against the golden bytes and scripted sessions.

    COMMAND is a small program around the client: it reads a command per line of JSON and writes what it
    observed; protocol/vectors/sessions/README.md says which. No cluster is needed: the processes are played
    here, on free ports. Exits 1 if anything failed.

    \b
      twsmq conform python -m twsmq.conform.python             this package's own client
      twsmq conform node clients/typescript/dist/conform.js
      twsmq conform --only session ./my-client
    """
    folder = vectors or vectors_folder()
    if not (folder / "events.json").is_file():
        raise Unusable(f"{folder} holds no vectors (events.json); name their folder with --vectors")
    verdicts: list[Verdict] = []
    for verdict in _verdicts(command, folder, only):
        verdicts.append(verdict)
        if as_json:
            echo_json(verdict)
        elif verdict.problem is not None:
            echo(f"failed: {verdict.name}: {verdict.problem}")
    failed = sum(verdict.problem is not None for verdict in verdicts)
    if not as_json:
        echo(f"{len(verdicts) - failed} passed, {failed} failed")
    raise SystemExit(1 if failed else 0)


def _verdicts(command: tuple[str, ...], folder: Path, only: str) -> Iterator[Verdict]:
    try:
        yield from run(command, folder, only)
    except (msgspec.MsgspecError, OSError, LookupError, TypeError, ValueError, RecursionError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise Unusable(f"{folder} holds something that is no vector or session ({problem[:200]})") from error
