"""Who may do what on the page: keys good once, sessions that outlive a restart, requests of other sites
refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from twsmq_protocol.order_query_requests import ReplayEvents
from twsmq_protocol.rights import Identity, parse_rights
from twsmq_web.access import Access, Refused, end_sessions, make_key
from twsmq_web.audit import Audit
from twsmq_web.commands import COMMANDS
from twsmq_web.streams import MOST_WAITING, Browser

HOST = "127.0.0.1:5580"


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "web", frozenset({HOST}), 3600.0)


def refusal(call: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.reason


def test_a_server_on_every_interface_knows_its_addresses_and_no_other_name(tmp_path: Path) -> None:
    everywhere = Access(tmp_path / "web", frozenset({HOST}), 3600.0, port_of_any_address=5580)
    for host in (HOST, "192.168.4.2:5580", "10.0.0.7:5580"):
        everywhere.check_host({"host": host})
    for host in ("evil.example:5580", "192.168.4.2", "192.168.4.2:80", "192.168.4:5580", "[::1]:5580", ""):
        assert refusal(lambda host=host: everywhere.check_host({"host": host})) == "host"
    here = Access(tmp_path / "web", frozenset({HOST}), 3600.0)
    assert refusal(lambda: here.check_host({"host": "192.168.4.2:5580"})) == "host"


def test_a_key_is_good_once(access: Access, tmp_path: Path) -> None:
    key = make_key(tmp_path / "web", "viewer", "ann")
    cookie, session = access.log_in(key, None)
    assert (session.who, session.role(0.0)) == ("ann", "viewer")
    assert access.session(cookie) is session
    assert refusal(lambda: access.log_in(key, None)) == "key"
    assert refusal(lambda: access.log_in("guess", None)) == "key"


def test_a_viewer_may_not_act_until_an_operators_key_is_added(access: Access, tmp_path: Path) -> None:
    cookie, session = access.log_in(make_key(tmp_path / "web", "viewer", "ann"), None)
    assert refusal(lambda: access.require_operator(session)) == "role"
    same, raised = access.log_in(make_key(tmp_path / "web", "operator", "ann"), cookie)
    assert (same, raised) == (cookie, session)
    access.require_operator(session)
    access.step_down(session)
    assert refusal(lambda: access.require_operator(session)) == "role"


def test_another_persons_key_begins_another_session(access: Access, tmp_path: Path) -> None:
    """Else what bob does with his key stands in the audit under ann, and his viewer's link has her rights."""
    cookie, ann = access.log_in(make_key(tmp_path / "web", "operator", "ann"), None)
    other, bob = access.log_in(make_key(tmp_path / "web", "viewer", "bob"), cookie)
    assert (bob.who, bob.role(0.0), other != cookie) == ("bob", "viewer", True)
    assert refusal(lambda: access.require_operator(bob)) == "role"
    assert refusal(lambda: access.session(cookie)) == "no_session"  # hers ended in this browser
    assert access.session(other) is bob
    _, raised = access.log_in(make_key(tmp_path / "web", "operator", "ann"), other)
    assert (raised.who, raised is ann) == ("ann", False)


def test_a_session_that_ended_is_not_revived_with_the_rights_it_had(tmp_path: Path) -> None:
    access = Access(tmp_path / "web", frozenset({HOST}), 0.0)
    cookie, _ = access.log_in(make_key(tmp_path / "web", "operator", "ann"), None)
    other, session = access.log_in(make_key(tmp_path / "web", "viewer", "ann"), cookie)
    assert other != cookie
    assert refusal(lambda: access.require_operator(session)) == "role"


def test_all_sessions_can_be_ended_while_the_page_is_served(access: Access, tmp_path: Path) -> None:
    cookie, session = access.log_in(make_key(tmp_path / "web", "operator", "ann"), None)
    unused = make_key(tmp_path / "web", "operator", "ann")
    end_sessions(tmp_path / "web")
    assert refusal(lambda: access.session(cookie)) == "no_session"
    assert refusal(lambda: access.log_in(unused, None)) == "key"
    access.step_down(session)  # what it was does not come back by being written
    assert refusal(lambda: access.session(cookie)) == "no_session"


def test_sessions_outlive_the_process_and_no_key_lies_on_the_disk(access: Access, tmp_path: Path) -> None:
    cookie, _ = access.log_in(make_key(tmp_path / "web", "operator", "ann"), None)
    again = Access(tmp_path / "web", frozenset({HOST}), 3600.0)
    assert again.session(cookie).who == "ann"
    kept = b"".join(path.read_bytes() for path in (tmp_path / "web").rglob("*") if path.is_file())
    assert cookie.encode() not in kept
    assert (tmp_path / "web" / "sessions.json").stat().st_mode & 0o077 == 0
    again.log_out(cookie)
    assert refusal(lambda: again.session(cookie)) == "no_session"


def test_a_session_that_is_not_used_ends(tmp_path: Path) -> None:
    access = Access(tmp_path / "web", frozenset({HOST}), 0.0)
    cookie, _ = access.log_in(make_key(tmp_path / "web", "viewer", "ann"), None)
    assert refusal(lambda: access.session(cookie)) == "no_session"


def test_a_session_is_good_as_long_as_its_clusters_key(tmp_path: Path) -> None:
    """One whose key was revoked stayed a browser's for as long as it was used."""
    keys: dict[str, Identity] = {}

    def may(name: str, *rights: str) -> None:
        keys[name] = Identity(name, parse_rights(rights))

    def served() -> Access:
        return Access(
            tmp_path / "web", frozenset({HOST}), 3600.0, identity=lambda key: keys.get(key, Identity(key))
        )

    access, folder = served(), tmp_path / "web"
    may("ANN", "operator")
    may("BOB", "risk")
    may("TIM", "trader:alpha")
    cookie, ann = access.log_in(make_key(folder, "operator", "ann", "ANN"), None)
    access.require_operator(ann, "resume")
    bobs, bob = access.log_in(make_key(folder, "operator", "bob", "BOB"), None)
    access.require_operator(bob, "halt")
    with pytest.raises(Refused, match="may not ask resume"):
        access.require_operator(bob, "resume")
    closed = {"resume", "resolve_order", "restart", "test_alerts"}
    assert set(access.may(bob, COMMANDS)) == set(COMMANDS) - closed
    access.require_key(bob, "replay_events", ReplayEvents(after=0, strategy="alpha"))
    may("BOB", "accounts")  # less than before
    assert access.may(bob, COMMANDS) == []
    with pytest.raises(Refused, match="may not ask replay_events"):
        access.require_key(bob, "replay_events", ReplayEvents(after=0, strategy="alpha"))
    assert (access.session(bobs) is bob, access.role(bob)) == (True, "viewer")
    assert refusal(lambda: access.require_operator(bob)) == "role"
    assert refusal(lambda: access.log_in(make_key(folder, "viewer", "tim", "TIM"), None)) == "key_revoked"
    late = make_key(folder, "operator", "ann", "ANN")
    may("ANN")
    assert refusal(lambda: access.session(cookie)) == "key_revoked"
    assert refusal(lambda: served().session(cookie)) == "key_revoked"  # also after a restart
    assert refusal(lambda: access.log_in(late, cookie)) == "key_revoked"
    without, _ = Access(folder, frozenset({HOST}), 3600.0).log_in(make_key(folder, "viewer", "old"), None)
    assert refusal(lambda: served().session(without)) == "key_revoked"  # begun before there were keys


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"content-type": "text/plain"}, "content_type"),
        ({"content-type": "application/x-www-form-urlencoded"}, "content_type"),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, "cross_site"),
        ({"content-type": "application/json", "sec-fetch-site": "same-site"}, "cross_site"),
        ({"content-type": "application/json", "origin": "https://evil.example", "host": HOST}, "origin"),
        ({"content-type": "application/json", "origin": "null", "host": HOST}, "origin"),
    ],
)
def test_a_post_of_another_site_is_refused(access: Access, headers: dict[str, str], reason: str) -> None:
    assert refusal(lambda: access.check_post(headers)) == reason


def test_the_pages_own_post_passes_and_only_known_names_do(access: Access) -> None:
    own = {"content-type": "application/json", "sec-fetch-site": "same-origin", "host": HOST}
    access.check_post(own | {"origin": f"http://{HOST}"})
    access.check_host({"host": HOST})
    for name in ("evil.example", "", "127.0.0.1:5581", f"{HOST}.evil.example"):
        assert refusal(lambda name=name: access.check_host({"host": name})) == "host"


def test_the_audit_has_a_command_before_its_outcome_and_survives(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    sent = audit.begin("ann", "operator", "halt", {"reason": "x"})
    assert audit.latest(9)[0].result is None
    audit.end(sent, "ok")
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"cut by a cra')
    again = Audit(tmp_path)
    assert [(each.who, each.op, each.result) for each in again.latest(9)] == [("ann", "halt", "ok")]
    assert again.begin("bob", "operator", "resume", {}).number == 2


def test_a_browser_that_does_not_read_keeps_no_more_than_the_whole_board() -> None:
    browser = Browser(lambda: b"whole")
    messages = browser.messages(lambda: b"alive")

    async def read() -> list[bytes]:
        found = [await anext(messages)]
        for number in range(MOST_WAITING + 50):
            browser.offer(b"%d," % number)
        found.append(await anext(messages))
        browser.offer(b"after")
        found.append(await anext(messages))
        browser.end()
        return found

    assert asyncio.run(read()) == [b"whole", b"whole", b"after"]


@pytest.mark.parametrize(
    ("peer", "path", "status"),
    [
        ("127.0.0.1", "/metrics", 200),
        ("::1", "/metrics", 200),
        ("10.0.0.7", "/metrics", 401),
        ("10.0.0.7", "/api/board", 401),
        ("127.0.0.1", "/api/board", 401),
        ("10.0.0.7", "/", 200),
    ],
)
def test_beyond_this_machine_nothing_is_shown_without_a_session(
    access: Access, peer: str, path: str, status: int
) -> None:
    """Metrics show what accounts are worth."""
    pytest.importorskip("starlette", reason="starlette is not installed (extra web)")
    from starlette.responses import Response
    from twsmq_web.app import Checks

    class Desk:
        def refused(self, refused: Refused) -> Response:
            return Response(status_code=refused.status)

    async def shown(scope: Any, receive: Any, send: Any) -> None:
        await Response()(scope, receive, send)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(b"host", HOST.encode())],
        "client": (peer, 40000),
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(Checks(shown, access, cast("Any", Desk()))(scope, receive, send))
    assert sent[0]["status"] == status
