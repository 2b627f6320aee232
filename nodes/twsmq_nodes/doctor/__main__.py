"""`python -m twsmq_nodes.doctor`: what `twsmq doctor` runs. Exit code 0 when nothing fails, else 1."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace
from twsmq_protocol import endpoints
from twsmq_protocol.config_file import load_config
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.printable import printable

from .checks import examine, has_failed
from .evidence import Evidence, Port
from .machine import look

_OWN_OFFSET = 9
"""The doctor's own client ID, beside those of the cluster (base + 0 to 4, 10 to 14)."""


@click.command(help="Look for what keeps a gateway from working with twsmq. Prints JSON lines.")
@click.option("--config", type=click.Path(path_type=Path))
@click.option("--gateway", metavar="HOST:PORT")
@click.option("--client-id", type=click.IntRange(1, 2**31 - 1))
def main(config: Path | None, gateway: str | None, client_id: int | None) -> None:
    try:
        cluster = load_config(config, gateway).config
    except ConfigError as error:
        print(printable(f"twsmq: {error}"), file=sys.stderr)  # noqa: T201 - this is the program's own output
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
        simulated=cluster.gateway.mode == "simulated",
        machine=look(),
        state=Port.REFUSED,
    )
    findings = examine(_walked(start))
    failed = has_failed(findings)
    sys.stdout.buffer.write(msgspec.json.encode({"ok": not failed, "checks": findings}) + b"\n")
    sys.exit(1 if failed else 0)


def _walked(start: Evidence) -> Evidence:
    """As far as one gets: without an ibapi that can be used no gateway is spoken to."""
    if start.machine.ibapi_api is None:
        return replace(start, state=Port.NOT_TRIED)
    from .probe import walk

    return walk(start, _progress)


def _progress(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
