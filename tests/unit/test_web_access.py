"""Who may do what on the page: keys good once, sessions that outlive a restart, requests of other sites
refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from twsmq_web.access import Access, Refused, make_key
from twsmq_web.audit import Audit
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
