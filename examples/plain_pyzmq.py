"""Trade through twsmq with pyzmq and msgpack alone: the whole protocol, as any language can speak it.

    twsmq up                           (in another terminal: a cluster with the simulated gateway)
    python examples/plain_pyzmq.py [PORT_BASE | KEY_FILE]

It listens to three instruments, places a market order and a limit order, waits for their verdicts, places one
far from the market and cancels it. `protocol/SPEC.md` explains every field. A cluster with keys wants the
file that `twsmq keys add plain --rights trader:plain` writes.
"""

import itertools
import re
import sys
import time
from pathlib import Path

import msgpack
import zmq
from zmq.utils.monitor import recv_monitor_message


def key_file(path):
    """Its lines; the numbers and lists among them as text."""
    try:
        if Path(path).stat().st_mode & 0o077:
            sys.exit(f"{path} holds a secret and may be read by others: chmod 600 {path}")
        return dict(re.findall(r'^(\w+) = "?([^"\n]*)"?$', Path(path).read_text(), re.MULTILINE))
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}; give the port base, or the file that `twsmq keys add` wrote")


where = sys.argv[1] if len(sys.argv) > 1 else "5500"
keys = {"host": "127.0.0.1", "port_base": where} if where.isdecimal() else key_file(where)
HOST, PORT_BASE = keys["host"], int(keys["port_base"])
MARKETDATA, ORDERS = PORT_BASE + 20, PORT_BASE + 30  # requests; events are one port further
INSTRUMENTS = ["STK:AAPL:SMART:USD", "STK:MSFT:SMART:USD", "CASH:EUR:IDEALPRO:USD"]
FINISHED = ("filled", "cancelled", "rejected", "not_sent")
RUN = str(time.time_ns())  # an order's id is used once, ever

context = zmq.Context()
if "secret_key" in keys:  # every socket made from here on shows it
    context.setsockopt(zmq.CURVE_PUBLICKEY, keys["public_key"].encode())
    context.setsockopt(zmq.CURVE_SECRETKEY, keys["secret_key"].encode())
    context.setsockopt(zmq.CURVE_SERVERKEY, keys["server_key"].encode())

events = context.socket(zmq.SUB)
events.setsockopt(zmq.RCVHWM, 100_000)
events.setsockopt(zmq.TCP_KEEPALIVE, 1)
events.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 5)
for instrument in INSTRUMENTS:
    events.subscribe(f"quote/{instrument}/".encode())  # this is what starts the line at the gateway
events.subscribe(b"order/plain/")  # everything of strategy "plain"
for port in (MARKETDATA + 1, ORDERS + 1):
    events.connect(f"tcp://{HOST}:{port}")

orders = context.socket(zmq.DEALER)
orders.setsockopt(zmq.LINGER, 0)
refused = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
monitor = orders.get_monitor_socket(refused | zmq.EVENT_HANDSHAKE_SUCCEEDED)
orders.connect(f"tcp://{HOST}:{ORDERS}")

request_ids = itertools.count(1)
last_seq = {}  # by topic: (incarnation, number)


def require_let_in():
    """Who is not let in receives nothing, ever: only the handshake says so."""
    if not monitor.poll(10_000):
        sys.exit(
            f"nobody answers at {HOST}:{ORDERS}; is the cluster up (twsmq status), the key file its own?"
        )
    if recv_monitor_message(monitor)["event"] & refused:
        sys.exit(
            "not let in: a cluster with keys wants a file of `twsmq keys add`, one without its port base"
        )
    orders.disable_monitor()


def next_event(timeout=30.0):
    """Topic and fields of the next event; says so when the numbers show that some were lost."""
    if not events.poll(int(timeout * 1000)):
        sys.exit(f"nothing came for {timeout} s; is the cluster up? (twsmq status)")
    topic, body = events.recv().split(b"\0", 1)
    topic, event = topic.decode(), msgpack.unpackb(body)
    inc, seq = last_seq.get(topic, (event["inc"], event["seq"] - 1))
    missed = event["seq"] - 1 - (seq if inc == event["inc"] else 0)
    if missed > 0:
        print(f"{topic}: {missed} events lost")
    last_seq[topic] = event["inc"], event["seq"]
    return topic, event


def ask(op, args, timeout=10.0):
    """The result of a request to the orders process. Repeats it while the process is not ready."""
    give_up = time.time() + timeout
    while True:
        request_id = next(request_ids)
        valid_until = int(give_up * 1e9)  # past it, the request has no effect any more
        request = {"v": 1, "id": request_id, "op": op, "args": args, "valid_until": valid_until}
        orders.send(msgpack.packb(request))
        if not orders.poll(max(1, int((give_up - time.time()) * 1000))):
            sys.exit(f"{op}: outcome unknown; the same request again would be safe")
        reply = msgpack.unpackb(orders.recv())
        if reply["ok"]:
            return reply["result"]
        if reply["error"]["code"] != "not_ready" or time.time() > give_up:
            sys.exit(f"{op}: {reply['error']}")
        time.sleep(0.2)


def place(name, instrument, side, quantity, **more):
    order = {
        "strategy": "plain",
        "client_order_id": f"{name}-{RUN}",
        "instrument": instrument,
        "side": side,
        "quantity": quantity,
    }
    accepted = ask("place_order", order | more)
    print(f"{accepted['client_order_id']}: accepted as order {accepted['order_id']}")
    return accepted["client_order_id"]


def await_status(client_order_id, statuses):
    """Follow an order until it has one of these statuses."""
    while True:
        _, event = next_event()
        if event.get("client_order_id") != client_order_id:
            continue
        if event["type"] == "order":
            print(f"{client_order_id}: {event['status']} {event['reason'] or ''}")
            if event["status"] in statuses:
                return
        elif event["type"] == "fill":
            print(f"{client_order_id}: {event['quantity']:g} at {event['price']:g}")
        elif event["type"] == "commission":
            print(f"{client_order_id}: costs {event['commission']:g} {event['currency']}")
        else:
            print(f"{client_order_id}: {event['text']}")


def await_quotes():
    """Bid and ask of every instrument, once each has both."""
    quotes = {}
    while len(quotes) < len(INSTRUMENTS):
        topic, event = next_event()
        if event["type"] == "stream":
            print(f"{topic} {event['state']} {event['text'] or ''}")
            if event["state"] == "error":
                sys.exit(1)
        elif event["type"] == "quote" and event["bid"] is not None and event["ask"] is not None:
            quotes[topic] = event["bid"], event["ask"]
    for topic, (bid, ask_price) in quotes.items():
        print(f"{topic} {bid} / {ask_price}")
    return quotes


require_let_in()
quotes = await_quotes()
aapl, msft = INSTRUMENTS[0], INSTRUMENTS[1]

await_status(place("market", aapl, "BUY", 10, order_type="MKT"), FINISHED)

ask_price = quotes[f"quote/{msft}/"][1]
await_status(
    place("limit", msft, "BUY", 5, order_type="LMT", limit_price=round(ask_price * 1.01, 2)), FINISHED
)

far = place("far", aapl, "BUY", 10, order_type="LMT", limit_price=1.0)
await_status(far, ("submitted", *FINISHED))
ask("cancel_order", {"strategy": "plain", "client_order_id": far})
await_status(far, FINISHED)

context.destroy(linger=0)
