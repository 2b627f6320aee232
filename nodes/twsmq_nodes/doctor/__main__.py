"""`python -m twsmq_nodes.doctor`: what `twsmq doctor` runs. Exit code 0 when nothing fails, else 1."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from twsmq_protocol import endpoints
from twsmq_protocol.config_file import load_config
from twsmq_protocol.errors import ConfigError

from .checks import examine, has_failed
from .evidence import Evidence, Port
from .machine import look
from .probe import walk

_OWN_OFFSET = 9
"""The doctor's own client ID, beside those of the cluster (base + 0 to 4, 10 to 14)."""


@click.command(help="Look for what keeps a gateway from working with twsmq. Prints JSON lines.")
@click.option("--config", type=click.Path(path_type=Path))
@click.option("--gateway", metavar="HOST:PORT")
@click.option("--client-id", type=click.IntRange(0, 2**31 - 1))
def main(config: Path | None, gateway: str | None, client_id: int | None) -> None:
    try:
        cluster = load_config(config, gateway).config
    except ConfigError as error:
        print(f"twsmq: {error}", file=sys.stderr)  # noqa: T201 - this is the program's own output
        sys.exit(2)
    names = endpoints.node_names(cluster)
    ids = tuple(number for name in names if (number := endpoints.client_id(cluster, name)) is not None)
    own = cluster.gateway.client_id_base + _OWN_OFFSET if client_id is None else client_id
    start = Evidence(
        host=cluster.gateway.host,
        port=cluster.gateway.port,
        client_id=own,
        cluster_ids=ids,
        allow_live=cluster.orders.allow_live,
        machine=look(),
        state=Port.REFUSED,
    )
    findings = examine(walk(start, _progress))
    failed = has_failed(findings)
    sys.stdout.buffer.write(msgspec.json.encode({"ok": not failed, "checks": findings}) + b"\n")
    sys.exit(1 if failed else 0)


def _progress(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
