/**
 * Whether a process lets this client in, and if not, which mistake it is: what a socket's monitor says in, a verdict
 * out. No socket, no timer; `now` is passed in, in milliseconds.
 *
 * An authentication error is the gatekeeper's final no. An unknown key gets no answer at all, so the handshake hangs. A
 * wrong server key fails at once and without a detail, some 20 times a second. No keys where some are wanted, and keys
 * where none are, end in a mismatch of mechanisms, or, where the other side reads first, without a detail too.
 */

import type { Mistake } from "./errors.js";

/** A handshake takes milliseconds; one that takes this long is being left without an answer. */
export const HANGS_MS = 1_000;
/** That many in a row are no accident, such as a process that ended in the midst of one. */
const FAILURES = 5;

export class Admission {
  up = false;
  /** How often a handshake has succeeded: what was sent since the last time may have arrived. */
  timesUp = 0;
  private failures = 0;
  private found: Mistake | null = null;
  private began: number | null = null;

  constructor(private readonly keyed: boolean) {}

  connected(now: number): void {
    this.began = now;
  }

  letIn(): void {
    this.up = true;
    this.began = null;
    this.failures = 0;
    this.found = null;
    this.timesUp += 1;
  }

  lost(): void {
    this.up = false;
    this.began = null;
  }

  /** After this libzmq does not try again. */
  refused(): void {
    this.lost();
    this.found = "refused key";
  }

  failed(mismatch: boolean): void {
    this.lost();
    this.failures += 1;
    if (mismatch) this.found = this.keyed ? "keys not wanted" : "no keys";
    else if (this.failures >= FAILURES && (this.keyed || this.timesUp === 0)) this.found ??= this.keyed ? "wrong server key" : "no keys";
  }

  /** What is wrong, null while nothing is known to be. */
  mistake(now: number): Mistake | null {
    const hangs = this.began !== null && now >= this.began + HANGS_MS;
    return hangs && this.keyed ? (this.found ?? "unknown key") : this.found;
  }
}

/** How the links of one socket stand together. A name may lead to several addresses, of which one is tried after the other. */
export interface Standing {
  readonly up: boolean;
  readonly timesUp: number;
  readonly mistake: Mistake | null;
}

export function standing(links: Iterable<Admission>, now: number): Standing {
  const all = [...links];
  const up = all.some((link) => link.up);
  const mistakes = all.map((link) => link.mistake(now)).filter((mistake) => mistake !== null);
  return { up, timesUp: all.reduce((sum, link) => sum + link.timesUp, 0), mistake: up ? null : (mistakes[0] ?? null) };
}
