"""`twsmq record`: events into a file, as they come."""

from __future__ import annotations

import time
from pathlib import Path

import click
from twsmq_protocol.counted import counted
from twsmq_protocol.recording import BadRecording, Recorder

from .. import sockets
from .options import SOME_SECONDS, Unusable, config_option, require_no_file_of_the_clusters, running_from
from .terminal import echo
from .topics import check_topics

_LOOK_MS = 250


@click.command()
@config_option
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="The recording."
)
@click.option("--seconds", type=SOME_SECONDS, help="End after so long.")
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
def record(config: Path | None, output: Path, seconds: float | None, topics: tuple[str, ...]) -> None:
    """Record every event of these topics into FILE, until Ctrl-C.

    The file is a stream of msgpack maps (`msgpack.Unpacker` reads it); a name that ends in .zst is
    compressed, if the package zstandard is there. `twsmq replay` plays it again.

    \b
    Examples:
      twsmq record tick/STK:AAPL:SMART:USD/ -o aapl.msgpack
      twsmq record order/ quote/ --seconds 60 -o minute.msgpack.zst
    """
    settings = running_from(config)
    check_topics(topics)
    require_no_file_of_the_clusters(output, settings.loaded.data_dir)
    try:
        recorder = Recorder(output, list(topics), time.time_ns())
    except (OSError, BadRecording) as error:
        raise Unusable(str(error)) from error
    context = sockets.new_context(settings.config)
    try:
        sub = sockets.open_events(context, sockets.RECEIVE_QUEUE)
        for topic in topics:
            sub.subscribe(topic)
        for endpoint in sockets.events_endpoints(settings.config):
            sub.connect(endpoint)
        _write(sub, recorder, None if seconds is None else time.monotonic() + seconds)
    except KeyboardInterrupt:
        pass
    finally:
        recorder.close()
        context.destroy(linger=0)
    echo(f"{counted(recorder.events, 'event')} in {output}")


def _write(sub: sockets.Socket, recorder: Recorder, until: float | None) -> None:
    """Until `until`. What came is on disk whenever nothing more comes for a moment."""
    while until is None or time.monotonic() < until:
        if sub.poll(_LOOK_MS):
            recorder.write(time.time_ns(), sub.recv())
        else:
            recorder.flush()
