"""Why a client is not let in is among its incidents, also when an exception carried it first."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import zmq
from support.patience import SLACK
from twsmq import ConnectionRefused
from twsmq.admission import FAILURES, Admission, Mistake
from twsmq.dealer import Dealer
from twsmq.inbox import Inbox
from twsmq.incidents import Incidents, NotLetIn
from twsmq.links import Links
from twsmq.sockets import Socket
from twsmq_protocol.config import Cluster, Config


@pytest.fixture
def pair() -> Iterator[tuple[Socket, str]]:
    """A socket with keys, and an address where none are wanted."""
    with zmq.Context() as context, context.socket(zmq.PUB) as server, context.socket(zmq.SUB) as client:
        port = server.bind_to_random_port("tcp://127.0.0.1")
        client.curve_serverkey = zmq.curve_keypair()[0]
        client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
        yield client, f"tcp://127.0.0.1:{port}"


def await_admission(links: Links, incidents: Incidents) -> None:
    deadline = time.monotonic() + 5 * SLACK
    while time.monotonic() < deadline:
        links.monitor.poll(100)
        links.look()
        links.require_one(incidents)


def test_who_is_not_let_in_is_an_incident_though_it_was_raised_before_anybody_asked(
    pair: tuple[Socket, str],
) -> None:
    client, address = pair
    links, incidents = Links(client, keyed=True), Incidents(Inbox())
    links.connect([address])
    with pytest.raises(ConnectionRefused) as refused:
        await_admission(links, incidents)
    assert refused.value.mistake is Mistake.KEYS_NOT_WANTED
    assert NotLetIn(address, Mistake.KEYS_NOT_WANTED) in incidents.drain()
    links.close()


def test_a_request_by_one_address_of_a_name_is_not_refused_for_what_another_address_did() -> None:
    """A name may lead to several addresses. `ConnectionRefused` promises that nothing was sent: said of an
    order that left, it would be placed a second time."""
    context = zmq.Context[Socket]()
    try:
        dealer = Dealer(context, Config(cluster=Cluster(port_base=5_500)), "orders", keyed=True)
        elsewhere, here = Admission(keyed=True), Admission(keyed=True)
        dealer.links.by_endpoint |= {"tcp://192.0.2.1:5530": elsewhere, "tcp://192.0.2.2:5530": here}
        for _ in range(FAILURES):
            elsewhere.failed(mismatch=False)
        waits = dealer.send(b"waits")
        with pytest.raises(ConnectionRefused):
            dealer.require_let_in(waits)
        here.let_in()
        left = dealer.send(b"leaves")
        for sent in (waits, left):
            dealer.require_let_in(sent)
        here.lost()
        for sent in (waits, left):
            dealer.require_let_in(sent)
    finally:
        context.destroy(linger=0)
