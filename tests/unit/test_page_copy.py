"""The browser's copy of the board, its clocks and its watch over the stream, without a browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).parents[2] / "web" / "twsmq_web" / "static"
WORLD = """
let wall = 1_800_000_000_000, steady = 1000, timer = null;
const streams = [];
Date.now = () => wall;
performance.now = () => steady;
globalThis.requestAnimationFrame = () => 1;
globalThis.setInterval = (call) => { timer = call; };
globalThis.EventSource = class {
  constructor() { this.on = {}; this.open = true; streams.push(this); }
  addEventListener(name, call) { this.on[name] = call; }
  close() { this.open = false; }
};
const page = await import(process.argv[1] + "/board.js");
const { board } = page;
const say = (name, data) => streams.at(-1).on[name]({ data: JSON.stringify(data) });
const moment = (ahead = 0) => ({ now: (wall + ahead) * 1e6, status_alive: true, status_silent_s: 0.1 });
const whole = (as_of) => say("whole", { ...moment(), sections: { orders: { as_of, rows: {} } } });
const pass = (ms, asleep = 0) => { wall += ms + asleep; steady += ms; timer(); };
const old = () => Math.round(page.now() - board.sections.orders.as_of / 1e6);
page.listen();
const found = {};
"""


def told(story: str) -> dict[str, Any]:
    try:
        done = subprocess.run(
            ["node", "--input-type=module", "-e", f"{WORLD}{story}\nconsole.log(JSON.stringify(found));",
             STATIC.as_uri()],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("node is not installed")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_stream_that_says_nothing_is_opened_anew_and_nothing_passes_for_new() -> None:
    """A machine that slept: the network does not say that the connection is gone."""
    found = told("""
whole(wall * 1e6);
found.began = [board.connected, page.present("orders")];
for (let n = 0; n < 4; n++) pass(1000);
found.quiet = [streams.length, board.connected];
pass(1000, 3_600_000);  // asleep: one of the clocks stood still
found.woke = [streams.length, streams[0].open, board.connected, page.present("orders"), old() > 3_600_000];
for (let n = 0; n < 4; n++) pass(1000);
found.patient = streams.length;
for (let n = 0; n < 3; n++) pass(1000);
found.again = streams.length;
whole(wall * 1e6);
found.healed = [board.connected, page.present("orders"), old()];
page.stop();
found.stopped = page.present("orders");
""")
    assert found["began"] == [True, True]
    assert found["quiet"] == [1, True]
    assert found["woke"] == [2, False, False, False, True]
    assert (found["patient"], found["again"]) == (2, 3)
    assert found["healed"] == [True, True, 0]
    assert not found["stopped"]


def test_ages_follow_the_server_whatever_this_machines_clock_does() -> None:
    found = told("""
whole(wall * 1e6);
const at = board.sections.orders.as_of;
for (let n = 0; n < 3; n++) { pass(1000); say("moment", moment()); }
found.steady = old();
wall -= 7_200_000;  // this browser's clock is set back; the server's is not
for (let n = 0; n < 3; n++) { pass(1000); say("moment", moment(7_200_000)); }
found.back = old();
pass(1000); say("moment", moment(7_200_000 - 20_000));  // a message that was twenty seconds on its way
found.late = old();
""")
    assert found == {"steady": 3000, "back": 6000, "late": 7000}


def test_what_was_never_confirmed_or_is_of_a_dead_node_is_not_present() -> None:
    found = told("""
whole(null);
found.never = page.present("orders");
whole(wall * 1e6);
say("moment", { ...moment(), status_alive: false });
found.silent = page.present("orders");
say("moment", moment());
found.alive = page.present("orders");
whole((wall + 3_600_000) * 1e6);  // of before the clock was set back
found.future = page.present("orders");
whole((wall - 6000) * 1e6);
found.old = page.present("orders");
""")
    assert found == {"never": False, "silent": False, "alive": True, "future": False, "old": False}


def test_unknown_orders_stand_first_whatever_they_are_ordered_by() -> None:
    """With more than a hundred orders, sorting by price put an unknown one out of sight."""
    text = (STATIC / "table.js").read_text(encoding="utf-8")
    (line,) = (each for each in text.splitlines() if each.strip().startswith("if (order) list ="))
    found = told(f"""
const compare = page.compare;
let list = [3, 1, 2].map((limit) => ({{ limit, status: limit === 2 ? "unknown" : "submitted" }}));
for (const order of [["limit", 1], ["limit", -1]]) {{
{line}
  found[order[1]] = list.map((row) => row.limit);
}}
""")
    assert found == {"1": [2, 1, 3], "-1": [2, 3, 1]}
