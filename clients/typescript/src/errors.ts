/**
 * Every error of the client descends from one class, split by whose fault it is: the other side refused (`Refused`),
 * nobody knows what came of it (`OutcomeUnknown`), or the connection cannot be made (`ConnectionRefused`).
 */

export class TwsmqError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** The process answered with an error. `code` is the protocol's, `twsCode` the gateway's own number. */
export class Refused extends TwsmqError {
  constructor(
    readonly process: string,
    readonly op: string,
    readonly code: string,
    message: string,
    readonly field: string | null,
    readonly twsCode: number | null,
  ) {
    super(`${process} refused ${op}: ${code}: ${message}`);
  }
}

/**
 * No reply came in time. It is not known whether the request took effect. A query may be repeated; so may an order,
 * a change or a cancel with the same `client_order_id` and the same arguments: it is never done twice.
 */
export class OutcomeUnknown extends TwsmqError {
  constructor(
    readonly process: string,
    readonly op: string,
    seconds: number,
  ) {
    super(`${process} has not answered ${op} within ${seconds} s: the outcome is unknown; the same request again is safe`);
  }
}

export type Mistake = "refused key" | "unknown key" | "wrong server key" | "no keys" | "keys not wanted";

const CURES: { readonly [Which in Mistake]: string } = {
  "refused key": "the operator has revoked it: ask for another, made with 'twsmq keys add'",
  "unknown key": "it waits to be let in: there, 'twsmq keys accept' lets it in (or the process stands still)",
  "wrong server key": "this key file is another cluster's, or older than its keys: have it written again with 'twsmq keys add'",
  "no keys": "this cluster wants keys: give the file that 'twsmq keys add' wrote",
  "keys not wanted": "this cluster runs without keys: connect without, or set keys = \"on\" there",
};

/** A process does not let this client in. Nothing was sent to it, so nothing has had an effect. */
export class ConnectionRefused extends TwsmqError {
  constructor(
    readonly endpoint: string,
    readonly mistake: Mistake,
  ) {
    super(`${endpoint} does not let this client in: ${mistake}: ${CURES[mistake]}`);
  }
}

/** Bytes that are no message of this protocol. */
export class Malformed extends TwsmqError {}

/** The client was closed while something was waited for. */
export class Closed extends TwsmqError {
  constructor() {
    super("the client is closed");
  }
}
