"""A link to the page that was made for a key opens what that key may do, as long as the key is good."""

from __future__ import annotations

import json
import time
from pathlib import Path

from support.keyed_cluster import Keyed, running_keyed
from support.patience import patient
from support.web_requests import ask, log_in


def test_a_link_does_what_its_key_may_and_ends_with_it(tmp_path: Path) -> None:
    with running_keyed(tmp_path) as keyed:
        keyed.run("keys", "add", "ann", "--rights", "risk")
        key = keyed.run("web", "--operator", "--key", "ann").split("#login=")[1].split()[0]
        status, cookie = log_in(keyed, key)
        assert status == 200
        me = json.loads(ask(keyed, "GET", "/api/me", cookie=cookie)[1])
        assert (me["who"], me["reads_orders"]) == ("ann", True)
        assert "halt" in me["may"]
        assert not me["reads_logs"]
        assert "resume" not in me["may"]  # the page shows no button for it
        _sees_the_board_and_no_more(keyed)
        resume = json.dumps({"op": "resume", "args": {}})
        assert ask(keyed, "POST", "/api/command", resume, cookie=cookie)[0] == 403
        keyed.run("web", "--operator", "--key", "alpha", code=2)
        keyed.run("keys", "revoke", "ann")
        deadline = time.monotonic() + patient(10)
        while ask(keyed, "GET", "/api/me", cookie=cookie)[0] != 401:
            assert time.monotonic() < deadline, "a revoked key's session lasts"


def _sees_the_board_and_no_more(keyed: Keyed) -> None:
    """What the op `replay_events` refuses a key of accounts, the page gave it: it asks with its own key. Logs
    were anybody's who sees the board."""
    keyed.run("keys", "add", "eve", "--rights", "accounts")
    link = keyed.run("web", "--key", "eve").split("#login=")[1].split()[0]
    _, cookie = log_in(keyed, link)
    history = "/api/history?strategy=alpha&client_order_id=a-1"
    assert ask(keyed, "GET", history, cookie=cookie)[0] == 403
    assert ask(keyed, "GET", "/api/log/orders", cookie=cookie)[0] == 403
    me = json.loads(ask(keyed, "GET", "/api/me", cookie=cookie)[1])
    assert (me["reads_orders"], me["reads_logs"]) == (False, False)
