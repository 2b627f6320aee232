"""How soon a page shows what happened, in seconds.

A watch stands in the page before anything happens and notes, frame by frame, when it is first shown what is
expected. When it happened the cluster says itself (`ts` of the event that it published), or the test that did
it. All are on one machine and so have one clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from support.cluster import NODES, Cluster
from support.page import Page
from support.patience import patient
from support.plain_client import Event, PlainClient

TRUE_WITHIN_S = 3.0
"""From what happened to the page that shows it."""

_WATCH = """([name, selector, text, kind]) => {
  const found = () => [...document.querySelectorAll(selector)].map((each) => each.textContent.trim());
  const kinds = {
    shows: () => found().some((each) => each.includes(text)),
    differs: () => found().some((each) => each !== text),
    gone: () => found().length === 0,
  };
  const there = kinds[kind]();
  (window.watches ||= {})[name] = new Promise((done) => {
    const look = () => (kinds[kind]() ? done(Date.now()) : requestAnimationFrame(look));
    look();
  });
  return there;
}"""
_SHOWN = """([name, ms]) => Promise.race(
  [window.watches[name], new Promise((done) => setTimeout(() => done(null), ms))])"""

Record = Callable[[str, object], None]


class Truth:
    """Hears all that the cluster publishes on `topics` from now on. `record`: pytest's `record_property`."""

    def __init__(self, page: Page, cluster: Cluster, record: Record, *topics: str) -> None:
        self._page = page.page
        self._record = record
        self._events: list[tuple[str, Event]] = []
        self._number = 0
        self._client = PlainClient(cluster.port_base)
        self._client.subscribe(*topics, "process/", "node/")
        self._heard = [(f"node/{name}/" if name in NODES else "process/") for name in (*NODES, "supervisor")]
        self._client.await_all(*(lambda topic, _, on=on: topic.startswith(on) for on in self._heard))
        self.began = time.time()

    def __enter__(self) -> Truth:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def leave(self, topic: str) -> None:
        """This listens like everybody, so a stream ends only once it left too."""
        self._client.sub.unsubscribe(topic.encode())

    def watch(self, selector: str, text: str = "", kind: str = "shows", *, fresh: bool = True) -> str:
        """From now on, until the page shows `text` there, or something that `differs`, or nothing (`gone`).
        `fresh`: it must not be so already."""
        self._number += 1
        name = f"{self._number}: {selector} {kind} {text}"
        there = self._page.evaluate(_WATCH, [name, selector, text, kind])
        assert not (there and fresh), f"already so: {name}"
        return name

    def event(self, wanted: Callable[[str, Event], bool], after: float | None = None) -> float:
        """When the first such event after a moment (the beginning, if none is given) was published."""
        after = self.began if after is None else after
        for topic, event in self._events:
            if event["ts"] / 1e9 >= after and wanted(topic, event):
                return event["ts"] / 1e9

        def found(topic: str, event: Event) -> bool:
            if event["ts"] / 1e9 < self.began or event.get("snapshot") or event.get("repeated"):
                return False
            self._events.append((topic, event))
            return event["ts"] / 1e9 >= after and wanted(topic, event)

        return self._client.await_event(found)["ts"] / 1e9

    def shown(self, what: str, watch: str, since: float, within: float = TRUE_WITHIN_S) -> None:
        """It is shown at most `within` seconds later; a loaded machine gets the common patience."""
        at = self._page.evaluate(_SHOWN, [watch, patient(20.0) * 1000])
        assert at is not None, f"{what}: never shown ({watch})"
        took = at / 1000 - since
        self._record("shown", f"{what}: {took:.2f} s")
        assert took <= patient(within), f"{what}: shown only after {took:.2f} s"
