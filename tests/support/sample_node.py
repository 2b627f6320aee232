"""A process that does nothing but live as a node does: beats over ZeroMQ, holds a lifeline, ends on SIGTERM.

python sample_node.py NAME EVENTS_ENDPOINT [--never-beat] [--never-ready] [--ignore-sigterm]
                      [--exit CODE] [--bug] [--chatter]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time

import zmq
from twsmq_protocol.codec import encode_event
from twsmq_protocol.system_events import Heartbeat
from twsmq_protocol.topics import node_topic


def watch_lifeline() -> None:
    descriptor = os.environ.get("TWSMQ_LIFELINE_FD")
    if descriptor is not None:
        os.read(int(descriptor), 1)
        os._exit(3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("endpoint")
    for flag in ("--never-beat", "--never-ready", "--ignore-sigterm", "--bug", "--chatter"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--exit", type=int)
    options = parser.parse_args()

    threading.Thread(target=watch_lifeline, daemon=True).start()
    if options.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.bug:
        trace = 'Traceback:\n  File "a.py", line 1, in f\n    g()\nAttributeError: no such thing'
        entry = {"event": "a bug ended this process", "level": "critical", "exception": trace}
        print(json.dumps(entry), file=sys.stderr)
        sys.exit(70)
    if options.exit is not None:
        print("the reactor is on fire", file=sys.stderr)
        sys.exit(options.exit)

    outbox = zmq.Context().socket(zmq.PUB)
    outbox.bind(options.endpoint)
    seq = 0
    while True:
        time.sleep(0.05)
        seq += 1
        if options.chatter:
            print("x" * 100_000)
        if not options.never_beat:
            state = "connecting" if options.never_ready else "ready"
            beat = Heartbeat(name=options.name, pid=os.getpid(), state=state, seq=seq, src=options.name)
            outbox.send(encode_event(node_topic(options.name), beat))


if __name__ == "__main__":
    main()
