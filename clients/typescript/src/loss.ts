/**
 * What was lost, from the numbers that events carry (SPEC: Numbering and loss).
 *
 * Invariants: an event is reported lost at most once; what was published before we subscribed is never reported;
 * numbers that run backwards report nothing.
 */

interface Seen {
  inc: bigint;
  seq: number;
}

/** Counts by topic. Order matters: hand it every event, of unknown types too. */
export class TopicNumbers {
  lost = 0;
  restarts = 0;
  private readonly seen = new Map<string, Seen>();

  /**
   * How many events of the topic were lost just before this one; null: it was seen already. Another incarnation is a
   * restart, a lower one too: clocks are set back. `source`: where several processes publish under the topic, which.
   */
  observe(topic: string, inc: bigint, seq: number, source = ""): number | null {
    const last = this.seen.get(topic + source);
    if (last === undefined) {
      this.seen.set(topic + source, { inc, seq });
      return 0;
    }
    if (inc === last.inc && seq <= last.seq) return null;
    const restarted = inc !== last.inc;
    const missed = Math.max(0, seq - 1 - (restarted ? 0 : last.seq));
    if (restarted) this.restarts += 1;
    last.inc = inc;
    last.seq = seq;
    this.lost += missed;
    return missed;
  }

  /** Forget the topics that nobody listens to any more. */
  keep(listened: (topic: string) => boolean): void {
    for (const topic of this.seen.keys()) if (!listened(topic)) this.seen.delete(topic);
  }
}

/** One durable series of order events: over the node (`order/`) or within a strategy (`order/<strategy>/`). */
export class OrderNumbers {
  newest: number | null = null;
  lost = 0;

  observeEvent(number: number, snapshot: boolean): number {
    if (this.newest === null) {
      if (!snapshot) this.newest = number;
      return 0;
    }
    return this.advance(number, number - 1);
  }

  observeHeartbeat(number: number): number {
    if (this.newest === null) {
      this.newest = number;
      return 0;
    }
    return this.advance(number, number);
  }

  private advance(number: number, accounted: number): number {
    const newest = this.newest ?? number;
    const missed = Math.max(0, accounted - newest);
    this.newest = Math.max(newest, number);
    this.lost += missed;
    return missed;
  }
}
