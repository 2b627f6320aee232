"""A supervisor whose children are sample nodes: `python sample_cluster.py CONFIG NODES [LIMITS]`, both JSON.

NODES maps the name of a process to the options of its sample node, in start order.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from twsmq_protocol import endpoints
from twsmq_supervisor.children import ChildSpec
from twsmq_supervisor.errors import StartRefused
from twsmq_supervisor.policy import Limits
from twsmq_supervisor.settings import load_settings
from twsmq_supervisor.shell import Supervisor
from twsmq_transport import log as logs

NODE = Path(__file__).with_name("sample_node.py")


def main(config_file: str, nodes: str, limits: str = "{}") -> int:
    settings = load_settings(Path(config_file))
    children: dict[str, ChildSpec] = {}
    for name, options in json.loads(nodes).items():
        events = endpoints.events_endpoint(settings.config, name)
        children[name] = ChildSpec(
            argv=(sys.executable, str(NODE), name, events, *options),
            events=events,
        )
    logs.configure_plain(sys.stdout)
    try:
        asyncio.run(Supervisor(settings, children, Limits(**json.loads(limits))).run())
    except StartRefused as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
