/** Kept while nobody takes; then the oldest go. */
const MOST_WAITING = 100_000;

/** What has come and is still to be taken, in its order. `take` waits; after `end` it gives undefined. */
export class Queue<T> {
  /** How many went untaken since this was set to 0. */
  dropped = 0;
  private items: T[] = [];
  private head = 0;
  private wake: (() => void) | null = null;
  private ended = false;
  private interrupted = false;

  put(item: T): void {
    this.items.push(item);
    if (this.items.length - this.head > MOST_WAITING) {
      this.skip();
      this.dropped += 1;
    }
    this.wake?.();
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /** Whoever takes next, or waits, gets undefined once. */
  interrupt(): void {
    this.interrupted = true;
    this.wake?.();
  }

  async take(): Promise<T | undefined> {
    while (this.head === this.items.length) {
      if (this.ended) return undefined;
      if (this.interrupted) {
        this.interrupted = false;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
    const item = this.items[this.head];
    this.skip();
    return item;
  }

  private skip(): void {
    this.head += 1;
    if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
  }
}
