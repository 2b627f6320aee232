"""`twsmq history`: bars of the past into files, in downloads that go on wherever they were broken off.

What is answered at once is in `history_queries`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

import click
import msgspec
from twsmq_protocol.counted import counted
from twsmq_protocol.endpoints import HISTORY
from twsmq_protocol.errors import FieldError, TwsmqError
from twsmq_protocol.history_requests import HISTORY_SIZES, What
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.niceness import stand_back
from twsmq_protocol.streams import seconds_of
from twsmq_protocol.topics import node_topic
from twsmq_supervisor.settings import Settings

from ..aio import Client
from ..download.asking import Order
from ..download.disk import Disk
from ..download.errors import DownloadError
from ..download.lock import locked
from ..download.planner import DAY_NS, NS, shown, utc_date
from ..download.progress import Progress
from ..download.run import Download
from ..download.store import Format, format_named, instrument_folder
from ..download.verify import MOST_HOLES, Verdict
from ..download.verify import verify as verified
from ..errors import OutcomeUnknown
from .history_queries import bars, head, histogram, schedule, ticks
from .options import NoCluster, Refused, Unusable, config_option, running_from, typed
from .reach import NobodyListens, require_listener
from .rendering import narrow_table, show
from .terminal import echo, echo_json, overwrite
from .waiting import waiting

_GRACE_NS, _DAY_GRACE_NS = 60 * NS, 6 * 3_600 * NS
"""A bar that has just ended may still change; the day of a session past midnight UTC even longer."""
_DRAW_S, _LINE_S = 0.25, 30.0
DOWNLOAD_NICE = 10
"""A download has time; where the processor is short, others go before it."""
_LONGEST_UNIVERSE, _LONGEST_NAME = 16 << 20, 255


@click.group()
def history() -> None:
    """Ask for bars and ticks of the past; download many bars, and prove that none is missing.

    \b
    Examples:
      twsmq history bars STK:AAPL:SMART:USD --size 1h --duration 2D
      twsmq history download --instrument STK:AAPL:SMART:USD --size 1m --rth \\
                             --from 2025-01-01 --to 2026-01-01 -o bars
    """


for _query in (bars, ticks, head, schedule, histogram):
    history.add_command(_query)


def _date(ctx: click.Context, param: click.Parameter, value: str) -> int:
    try:
        return utc_date(value)
    except ValueError:
        raise click.BadParameter(f"{value[:40]!r} is no date like 2026-01-05", ctx, param) from None


def _instruments(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[str]:
    try:
        return [_checked(one) for one in value]
    except FieldError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _folder(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    if not value:
        raise click.BadParameter("it is empty, as an unset variable is", ctx, param)
    return Path(value)


def _universe(ctx: click.Context, param: click.Parameter, value: Path | None) -> list[str]:
    """The instruments in a file, one a line; `#` begins a comment."""
    if value is None:
        return []
    try:
        with value.open("rb") as file:  # a pipe too: `--universe <(...)`
            content = file.read(_LONGEST_UNIVERSE + 1)
        if len(content) > _LONGEST_UNIVERSE:
            raise click.BadParameter(f"{value} is longer than {_LONGEST_UNIVERSE:,} bytes", ctx, param)
        lines = content.decode("utf-8-sig").splitlines()  # Windows editors begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"cannot read {value}: {error}", ctx, param) from None
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            found.append(_checked(text))
        except FieldError as error:
            raise click.BadParameter(f"{value}:{number}: {error}", ctx, param) from None
    if not found:
        raise click.BadParameter(f"{value} names no instrument", ctx, param)
    return found


def _checked(text: str) -> str:
    """Raises `FieldError`."""
    parse_instrument(text)
    if len(instrument_folder(Path(), text).name.encode()) > _LONGEST_NAME:
        raise FieldError("instrument", f"{text[:40]}… is too long for the name of a folder")
    return text


@history.command()
@config_option
@click.option(
    "--instrument", "instruments", multiple=True, metavar="I", callback=_instruments,
    help="Like STK:AAPL:SMART:USD; may be given many times.",
)  # fmt: skip
@click.option(
    "--universe", metavar="FILE", type=click.Path(path_type=Path), callback=_universe,
    help="A file with an instrument a line (# begins a comment).",
)  # fmt: skip
@click.option(
    "--from",
    "begin",
    required=True,
    metavar="DATE",
    callback=_date,
    help="YYYY-MM-DD, midnight UTC, included.",
)
@click.option(
    "--to", "end", required=True, metavar="DATE", callback=_date,
    help="YYYY-MM-DD, midnight UTC, not included. Later than now: up to now.",
)  # fmt: skip
@click.option("--size", required=True, type=click.Choice(list(HISTORY_SIZES)), help="Of a bar.")
@click.option(
    "--what", type=click.Choice(list(get_args(What))),
    help="[default: TRADES, or what the instrument has instead]",
)  # fmt: skip
@click.option("--rth", is_flag=True, help="Regular trading hours only.")
@click.option(
    "--format", "form", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True,
    help="Of the data files.",
)  # fmt: skip
@click.option(
    "-o", "--output", "folder", required=True, metavar="DIR", callback=_folder,
    type=click.Path(file_okay=False), help="The folder; made if need be.",
)  # fmt: skip
def download(
    config: Path | None,
    instruments: list[str],
    universe: list[str],
    begin: int,
    end: int,
    size: str,
    what: What | None,
    rth: bool,
    form: Literal["parquet", "csv"],
    folder: Path,
) -> None:
    """Fetch bars into DIR, a file for each instrument and year.

    Run the same command again to go on: after Ctrl-C, a kill, an outage, a full disk. What is there already
    is not fetched again; more instruments, or earlier and later dates, are added to it. Exit code 0 when all
    of it is there, 1 when something was refused or could not be written, 3 when no cluster runs.

    \b
    Examples:
      twsmq history download --instrument STK:AAPL:SMART:USD --size 1m --rth \\
                             --from 2025-01-01 --to 2026-01-01 -o bars
      twsmq history download --universe sp500.txt --size 1d \\
                             --from 2010-01-01 --to 2026-01-01 -o daily
      twsmq history verify bars                  is any bar missing or there twice?
    \b
    Read them with any Parquet reader, for example:
      polars.read_parquet("bars/*/*/*.parquet")
    """
    names = [*instruments, *universe]
    if not names:
        raise click.UsageError("which instruments? Give --instrument, or --universe FILE")
    if begin >= end:
        raise click.BadParameter("--to must be later than --from", param_hint="'--to'")
    finished = _finished(size, time.time_ns())
    if begin >= finished:
        raise click.BadParameter(f"there is no finished {size} bar since then", param_hint="'--from'")
    settings = running_from(config)
    order = Order(
        instruments=names, begin=begin, end=min(end, finished), size=size, what=what, rth=rth, format=form
    )
    try:
        formed = format_named(form)
        require_listener(settings.config, HISTORY)
        with locked(folder) as held:
            stand_back(DOWNLOAD_NICE)
            complete = asyncio.run(_download(settings, folder, order, formed, Disk(held.require)))
    except NobodyListens as error:
        raise NoCluster(f"{error}; `{typed(settings, 'status')}` shows whether the cluster runs") from error
    except (DownloadError, TwsmqError) as error:
        raise Refused(str(error)) from error
    raise SystemExit(0 if complete else 1)


def _finished(size: str, now: int) -> int:
    """Bars that begin before are finished, ns."""
    step = seconds_of(size) * NS
    if step >= DAY_NS:
        return (now - _DAY_GRACE_NS - step) // DAY_NS * DAY_NS + DAY_NS
    return (now - _GRACE_NS - step) // NS * NS


async def _download(settings: Settings, folder: Path, order: Order, form: Format, disk: Disk) -> bool:
    screen = _Screen()
    loop = asyncio.get_running_loop()
    warming = loop.run_in_executor(None, form.warm_up)
    with ThreadPoolExecutor(1, "download-disk") as thread:
        async with Client(settings.config) as client, _Asking(client) as asking:
            with waiting(f"looking at what is there in {folder}"):
                work = Download(
                    folder, order, form, asking.ask, disk=disk, wall=time.time_ns, note=screen.note,
                    background=lambda work: loop.run_in_executor(thread, work),
                )  # fmt: skip
            complete = await _followed(work, screen)
    await warming
    echo(f"{counted(work.progress.fetched, 'bar')} fetched into {folder}", err=True)
    echo(work.outcome, err=True)
    return complete


async def _followed(work: Download, screen: _Screen) -> bool:
    drawing = asyncio.create_task(screen.follow(work.progress))
    try:
        return await work.run()
    finally:
        drawing.cancel()
        with suppress(asyncio.CancelledError):
            await drawing
        screen.end()


class _Asking:
    """Asks the history node; a request is given up at once when the node comes back as another process, since
    nobody will answer it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> _Asking:
        self._client.subscribe(node_topic(HISTORY))
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.cancel()
        with suppress(asyncio.CancelledError):
            await self._listener

    async def ask(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109 - its valid_until
        request: Coroutine[Any, Any, Any] = self._client.request(HISTORY, op, args, timeout=timeout)
        task: asyncio.Task[Any] = asyncio.create_task(request)
        self._waiting.add(task)
        try:
            done, _ = await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._waiting.discard(task)
        if task.cancelled():
            raise OutcomeUnknown(HISTORY, op, timeout)
        return done.pop().result()

    async def _listen(self) -> None:
        known = 0
        async for _, event, _ in self._client.events():
            if known and event.inc != known:
                for task in self._waiting:
                    task.cancel()
            known = event.inc


class _Screen:
    """On a terminal one line that is drawn anew, else a line now and then."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def note(self, sentence: str) -> None:
        self.end()
        echo(sentence, err=True)

    def end(self) -> None:
        if self._live:
            overwrite("")

    async def follow(self, progress: Progress) -> None:
        draw: Callable[[str], None] = overwrite if self._live else lambda text: echo(text, err=True)
        while True:
            await asyncio.sleep(_DRAW_S if self._live else _LINE_S)
            draw(progress.line(asyncio.get_running_loop().time()))


@history.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False), callback=_folder)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: complete, instruments, running.")
def verify(folder: Path, as_json: bool) -> None:
    """Count the bars in DIR against the schedule, and name the holes.

    The schedule is the one that the download was planned by. No cluster need run, and a download may
    (`running` in the JSON). Exit code 0 when every bar is there once, 1 when not, 2 when DIR holds no
    download. `absent` bars are minutes of a session for which the gateway itself has none.
    """
    try:
        with waiting(f"verifying {folder}", quiet=as_json) as line:
            report = verified(
                folder,
                lambda done, of: line.reached(done / of, f"{done} of {counted(of, 'instrument')}"),
            )
    except DownloadError as error:
        raise Unusable(str(error)) from error
    if as_json:
        echo_json(msgspec.to_builtins(report))
    else:
        show(
            narrow_table(
                ("instrument", "bars", "missing", "doubled", "absent"),
                [_row(one) for one in report.instruments],
                right=(1, 2, 3, 4),
            )
        )
        for one in report.instruments:
            _explain(one)
        echo("complete" if report.complete else "not complete")
        if report.running:
            echo("a download is running here: what it fetches is counted once it is in a data file")
    raise SystemExit(0 if report.complete else 1)


def _row(one: Verdict) -> tuple[str, ...]:
    missing = "unknown" if one.missing is None else f"{one.missing:,}"
    return one.instrument, f"{one.bars:,}", missing, f"{one.doubled:,}", f"{one.absent:,}"


def _explain(one: Verdict) -> None:
    for problem in one.problems:
        echo(f"{one.instrument}: {problem}")
    for hole in one.holes[:MOST_HOLES]:
        bars = "some" if hole.bars is None else f"{hole.bars:,}"
        echo(f"{one.instrument}: {bars} bars from {shown(hole.begin)} to {shown(hole.end)}: {hole.why}")
    if len(one.holes) > MOST_HOLES:
        echo(f"{one.instrument}: and {len(one.holes) - MOST_HOLES} holes more (--json names all)")
