"""`twsmq orders forget`: begin a new journal, for whom the old one is lost or must not be used any more.

Nothing is deleted: the files are moved into a folder beside it. The lock that the orders node holds on its
journal is taken first, so that none that a node uses is moved.
"""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import click
from twsmq_protocol.data_files import ORDERS_JOURNAL, ORDERS_MARK
from twsmq_protocol.plain_file import descriptor_of

from .options import Unusable, config_option, settings_from
from .terminal import echo, printable

_MEANING = """\
This begins a new journal in {folder}. The node then knows nothing of orders placed before:
 - an id that was used before counts as new, unless the gateway still lists that order today;
 - what still works at the gateway shows as foreign, until adopt_order takes it over;
 - events are numbered from 1 again: whoever kept a number must begin anew too;
 - halts, and risk limits that were set at run time, are forgotten as well.
Restoring the journal from a backup is better wherever there is one."""


@click.command(short_help="Begin a new journal; the old one is moved aside.")
@config_option
@click.option("--yes", is_flag=True, help="Do it. Without it, this only explains what it would mean.")
def forget(config: Path | None, yes: bool) -> None:
    """Begin a new journal of orders, where the old one is lost or damaged. The node must not run.

    The old files are moved aside, never deleted.
    """
    folder = settings_from(config).loaded.data_dir
    patterns = (ORDERS_JOURNAL + "*", ORDERS_MARK)
    found = sorted(path for one in patterns for path in folder.glob(one)) if folder.is_dir() else []
    moved = [path for path in found if path.name != ORDERS_JOURNAL + ".lock"]
    if not moved:
        raise Unusable(f"there is no journal in {folder}: nothing to forget")
    echo(_MEANING.format(folder=printable(str(folder))), lines=True)
    if not yes:
        raise Unusable("nothing was changed; to do it: twsmq orders forget --yes")
    lock = folder / (ORDERS_JOURNAL + ".lock")
    try:
        descriptor = descriptor_of(lock, os.O_CREAT)
    except OSError as error:
        raise Unusable(f"{lock} cannot be opened: {error.strerror}; remove what is there") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside = folder / f"{ORDERS_JOURNAL}.forgotten-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        aside.mkdir(mode=0o700)
        for path in moved:
            if not path.is_dir():  # of an earlier time
                path.rename(aside / path.name)
    except BlockingIOError:
        raise Unusable("an orders node uses this journal: stop the cluster first (twsmq down)") from None
    except OSError as error:
        raise Unusable(f"cannot move the journal: {error}") from error
    finally:
        os.close(descriptor)
    echo(f"the old journal is in {aside}")
