"""`python -m twsmq_supervisor [--config F] [--gateway HOST:PORT]`: run a cluster in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from twsmq_protocol.errors import ConfigError
from twsmq_protocol.printable import printable
from twsmq_protocol.standard_streams import Unbroken
from twsmq_transport import log as logs

from .children import cluster
from .errors import StartRefused
from .settings import load_settings
from .shell import Supervisor


def main() -> int:
    """The exit code: 0 after an ordered stop, 2 if the cluster could not start here."""
    parser = argparse.ArgumentParser(prog="python -m twsmq_supervisor", description=main.__doc__)
    parser.add_argument("--config", metavar="FILE", type=Path, help="default: ./twsmq.toml if it exists")
    parser.add_argument(
        "--gateway", metavar="HOST:PORT", help="use this gateway instead of the simulated one"
    )
    options = parser.parse_args()
    logs.configure_plain(Unbroken(1))
    try:
        settings = load_settings(options.config, options.gateway)
        asyncio.run(Supervisor(settings, cluster(settings)).run())
    except (ConfigError, StartRefused) as error:
        print(printable(f"twsmq: {error}"), file=sys.stderr)  # noqa: T201 - this is the program's own output
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
