"""Parts of the TypeScript client by themselves: what no session of `twsmq conform` reaches."""

from __future__ import annotations

import subprocess

import pytest
from support.client_programs import TYPESCRIPT, needs_typescript

pytestmark = needs_typescript

ORDER = """
import assert from "node:assert/strict";
import { OrderHandle } from "%(dist)s/order.js";

const asked = [];
let hand;
let status = "pending";
const client = {
  onEvent: (watcher) => { hand = watcher; return () => {}; },
  request: async (_process, op) => {
    asked.push(op);
    return op === "get_orders" ? { orders: [row(status, 6)] } : {};
  },
};
const row = (status, event_no) =>
  ({ type: "order", strategy: "a", client_order_id: "a-1", status, event_no });
const order = (status, event_no) => hand({ topic: "order/a/a-1/", event: row(status, event_no), lost: 0 });
const fill = (exec_id, corrects = null) => hand({
  topic: "order/a/a-1/", event: { type: "fill", exec_id, corrects }, lost: 0,
});
const handle = new OrderHandle(client, { strategy: "a", client_order_id: "a-1" });
const stand = () => handle.fills.map((fill) => fill.exec_id);
"""


def run(script: str) -> None:
    text = (ORDER + script) % {"dist": TYPESCRIPT.parent.as_uri()}
    command = ["node", "--input-type=module", "--eval", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_fills_of_a_handle_are_each_execution_once_after_corrections() -> None:
    run("""
        fill("x.01"); fill("y.01"); fill("x.01");
        assert.deepEqual(stand(), ["x.01", "y.01"]);
        fill("x.02", "x.01");
        assert.deepEqual(stand(), ["y.01", "x.02"]);
        fill("x.01");
        fill("z.02", "z.01"); fill("z.01");
        assert.deepEqual(stand(), ["y.01", "x.02", "z.02"], "what is corrected may come late");
    """)


def test_an_order_that_was_not_sent_and_is_placed_again_has_not_ended() -> None:
    """Who subscribes gets how it stood; the news of its being sent comes by another connection."""
    run("""
        await handle.written();
        order("not_sent", 5);
        const done = handle.done(5_000);
        await new Promise((resolve) => setTimeout(resolve, 10));
        assert.deepEqual(asked, ["place_order", "get_orders"]);
        order("not_sent", 5);
        order("filled", 8);
        assert.equal((await done).status, "filled");
    """)


def test_an_order_that_the_node_says_was_not_sent_has_ended() -> None:
    run("""
        status = "not_sent";
        order("not_sent", 6);
        assert.equal((await handle.done(5_000)).status, "not_sent");
    """)


@pytest.mark.parametrize(("untaken", "dropped"), [(100_000, 0), (100_003, 3)])
def test_events_that_nobody_takes_are_bounded_and_counted(untaken: int, dropped: int) -> None:
    run(f"""
        const {{ Queue }} = await import("%(dist)s/queue.js");
        const queue = new Queue();
        for (let number = 0; number < {untaken}; number += 1) queue.put(number);
        assert.equal(queue.dropped, {dropped});
        assert.equal(await queue.take(), {dropped});
        for (let number = 1; number < 100_000; number += 1) await queue.take();
        queue.end();
        assert.equal(await queue.take(), undefined);
    """)


def test_how_the_addresses_of_one_name_stand_together() -> None:
    run("""
        const { Admission, standing } = await import("%(dist)s/admission.js");
        const elsewhere = new Admission(true);
        const here = new Admission(true);
        for (let time = 0; time < 5; time += 1) elsewhere.failed(false);
        const wrong = { up: false, timesUp: 0, mistake: "wrong server key" };
        assert.deepEqual(standing([elsewhere, here], 0), wrong);
        here.letIn();
        assert.deepEqual(standing([elsewhere, here], 0), { up: true, timesUp: 1, mistake: null });
        here.lost();
        assert.equal(standing([elsewhere, here], 0).timesUp, 1);
        assert.deepEqual(standing([], 0), { up: false, timesUp: 0, mistake: null });
        const plain = new Admission(false);
        for (let time = 0; time < 5; time += 1) plain.failed(false);
        assert.equal(plain.mistake(0), "no keys");
        const forwarded = new Admission(false);
        forwarded.letIn();
        forwarded.lost();
        for (let time = 0; time < 10; time += 1) forwarded.failed(false);
        assert.equal(forwarded.mistake(0), null);
    """)
