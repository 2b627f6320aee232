/**
 * One order of ours as it goes on. What the handle knows comes from the order's own events; what is not known for
 * certain has the status `unknown`, and so it is handed on. What may have happened while nobody listened is asked for
 * when a wait begins, and whenever order events are known to be lost.
 */

import type { Client, Received } from "./client.js";
import { OutcomeUnknown } from "./errors.js";
import type { AnyEvent, Fill, Order, OrderAccepted, PlaceOrder } from "./types.js";

const TERMINAL: ReadonlySet<string> = new Set(["filled", "cancelled", "rejected", "not_sent"]);
/** Of an order that was asked for, which came as no event. */
const HEADER = { type: "order", v: 1, src: "orders", inc: 0n, seq: 0, ts: 0n };
const BEATS = "node/orders/";
const ASK_MS = 5_000;
/** What a timer takes at most. */
const LONGEST_MS = 2 ** 31 - 1;
const UNDECIDED: ReadonlySet<string> = new Set(["pending", "unknown"]);

export class OrderHandle {
  /** The order as it last stood; null before its first event. */
  order: Order | null = null;
  /** Executions as they stand after corrections. */
  readonly fills: Fill[] = [];
  private readonly executions = new Set<string>();
  private readonly topic: string;
  /** How often events of its strategy were lost: what it knows may be old since. */
  private losses = 0;
  private readonly stop: () => void;
  private readonly waiting = new Set<() => void>();
  private placing: Promise<OrderAccepted> | null = null;

  constructor(
    private readonly client: Client,
    readonly request: PlaceOrder,
  ) {
    this.topic = `order/${request.strategy}/${request.client_order_id}/`;
    this.stop = client.onEvent((received) => this.take(received));
  }

  /** Its intent is on disk and its bytes have left. Throws `Refused`, or `OutcomeUnknown`: then ask again. */
  async written(): Promise<OrderAccepted> {
    this.placing ??= this.client.request("orders", "place_order", this.request);
    try {
      return await this.placing;
    } catch (problem) {
      this.placing = null; // the same request again is safe, and is what learns the outcome
      throw problem;
    }
  }

  /** The gateway has said something about it. */
  async acknowledged(timeoutMs = 30_000): Promise<Order> {
    return this.until((order) => !UNDECIDED.has(order.status), timeoutMs);
  }

  /** Nothing more can come of it: filled, cancelled, rejected or proved not sent. */
  async done(timeoutMs = 600_000): Promise<Order> {
    return this.until((order) => TERMINAL.has(order.status), timeoutMs);
  }

  async cancel(): Promise<OrderAccepted> {
    const { strategy, client_order_id } = this.request;
    return this.client.request("orders", "cancel_order", { strategy, client_order_id });
  }

  /** Follow its events no longer. */
  close(): void {
    this.stop();
  }

  private take({ topic, event, lost }: Received): void {
    const concerned = topic.startsWith(`order/${this.request.strategy}/`) || topic === BEATS;
    if (lost > 0 && concerned) {
      this.losses += 1;
      for (const wake of this.waiting) wake();
    }
    if (topic !== this.topic) return;
    const known = event as AnyEvent;
    if (known.type === "order") this.learn(known);
    if (known.type === "fill") this.takeFill(known);
    for (const wake of this.waiting) wake();
  }

  /** Each execution once, and without those that a later one corrects. */
  private takeFill(fill: Fill): void {
    if (this.executions.has(fill.exec_id) && fill.corrects !== fill.exec_id) return;
    this.executions.add(fill.exec_id);
    if (fill.corrects !== null) this.executions.add(fill.corrects);
    const stand = this.fills.filter((one) => one.exec_id !== fill.corrects);
    this.fills.splice(0, this.fills.length, ...stand, fill);
  }

  /** How it stands at the node; false where that did not answer. */
  private async ask(timeoutMs: number): Promise<boolean> {
    const { strategy, client_order_id } = this.request;
    try {
      const { orders } = await this.client.request("orders", "get_orders", { strategy, client_order_id }, timeoutMs);
      for (const row of orders) this.learn({ ...HEADER, ...row } as unknown as Order);
      return true;
    } catch (problem) {
      if (problem instanceof OutcomeUnknown) return false;
      throw problem;
    }
  }

  /** An older state than is known changes nothing. */
  private learn(order: Order): void {
    if (this.order === null || order.event_no >= this.order.event_no) this.order = order;
  }

  private async until(wanted: (order: Order) => boolean, timeoutMs: number): Promise<Order> {
    const deadline = performance.now() + timeoutMs;
    let asked = -1;
    for (;;) {
      const ofBefore = asked < 0 && this.order?.status === "not_sent"; // it may be: a repeat sends it
      if (this.order !== null && wanted(this.order) && !ofBefore) return this.order;
      const left = Math.min(deadline - performance.now(), LONGEST_MS);
      if (left <= 0) throw new OutcomeUnknown("orders", "place_order", timeoutMs / 1000);
      if (asked !== this.losses) {
        const now = this.losses;
        if (await this.ask(Math.min(left, ASK_MS))) asked = now;
        continue;
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.waiting.add(wake);
      });
    }
  }
}
