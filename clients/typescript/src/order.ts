/**
 * One order of ours as it goes on. What the handle knows comes from the order's own events; what is not known for
 * certain has the status `unknown`, and so it is handed on.
 */

import type { Client, Received } from "./client.js";
import { OutcomeUnknown } from "./errors.js";
import type { AnyEvent, Fill, Order, OrderAccepted, PlaceOrder } from "./types.js";

const TERMINAL: ReadonlySet<string> = new Set(["filled", "cancelled", "rejected", "not_sent"]);
const UNDECIDED: ReadonlySet<string> = new Set(["pending", "unknown"]);

export class OrderHandle {
  /** The order as it last stood; null before its first event. */
  order: Order | null = null;
  readonly fills: Fill[] = [];
  private readonly topic: string;
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

  private take({ topic, event }: Received): void {
    if (topic !== this.topic) return;
    const known = event as AnyEvent;
    if (known.type === "order") this.order = known;
    if (known.type === "fill") this.fills.push(known);
    for (const wake of this.waiting) wake();
  }

  private async until(wanted: (order: Order) => boolean, timeoutMs: number): Promise<Order> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (this.order !== null && wanted(this.order)) return this.order;
      const left = deadline - Date.now();
      if (left <= 0) throw new OutcomeUnknown("orders", "place_order", timeoutMs / 1000);
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
