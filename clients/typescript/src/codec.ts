/**
 * Bytes to messages and back. Times exceed 2^53, so integers arrive as bigint and are turned into numbers where the
 * protocol has a plain integer and nothing is lost. Fields this version does not know pass through.
 */

import { Decoder, Encoder } from "@msgpack/msgpack";

import { Malformed } from "./errors.js";
import { type AnyEvent, BIGINT_FIELDS, EVENT_TYPES, type Header, MAP_FIELDS, type Value } from "./types.js";

/** A map as it came off the wire. */
export type Fields = { [key: string]: Value };

/** An event of a type that this version does not know: count it and skip it. */
export interface UnknownEvent extends Header {
  readonly type: string;
  readonly [field: string]: Value;
}

export interface Frame {
  readonly topic: string;
  readonly event: AnyEvent | UnknownEvent;
  readonly known: boolean;
}

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly field: string | null;
  readonly tws_code: number | null;
}

export type Reply =
  | { readonly id: string | number | bigint | null; readonly ok: true; readonly result: Value }
  | { readonly id: string | number | bigint | null; readonly ok: false; readonly error: ErrorBody };

const text = new TextDecoder("utf-8", { fatal: true });

/** A strategy may be called so, and the decoder refuses every map with such a key: under another name it gets through. */
const PROTO = "__proto__";
const PROTO_INSIDE = "\0__proto__";

const decoder = new Decoder({
  useBigInt64: true,
  keyDecoder: {
    canBeCached: (length) => length === PROTO.length,
    decode: (bytes, offset, length) => {
      const key = text.decode(bytes.subarray(offset, offset + length));
      return key === PROTO ? PROTO_INSIDE : key;
    },
  },
  mapKeyConverter: (key) => {
    if (typeof key !== "string") throw new Malformed("a key that is no text");
    return key;
  },
});
const encoder = new Encoder({ useBigInt64: true, ignoreUndefined: true });

/** An event frame: topic, NUL, map. Throws `Malformed`. */
export function decodeEvent(frame: Uint8Array): Frame {
  const end = frame.indexOf(0);
  if (end < 0) throw new Malformed("an event without a topic");
  const event = decodeMap(frame.subarray(end + 1));
  const { type, v, src, inc, seq, ts } = event;
  if (typeof type !== "string" || typeof src !== "string" || typeof seq !== "number") {
    throw new Malformed("an event without type, src or seq");
  }
  if (v !== 1 || typeof inc !== "bigint" || typeof ts !== "bigint") throw new Malformed("an event of another version");
  let topic: string;
  try {
    topic = text.decode(frame.subarray(0, end));
  } catch {
    throw new Malformed("a topic that is not UTF-8");
  }
  const known = EVENT_TYPES.has(type);
  // The header was checked above, the rest is what the protocol says of this type: additions only.
  return { topic, known, event: event as unknown as AnyEvent | UnknownEvent };
}

/** Throws `Malformed`. */
export function decodeReply(frame: Uint8Array): Reply {
  const { v, id, ok, result, error } = decodeMap(frame);
  if (v !== 1) throw new Malformed("a reply of another version");
  if (!(typeof id === "string" || typeof id === "number" || typeof id === "bigint" || id === null)) throw new Malformed("a reply without an id");
  if (ok === true) return { id, ok, result: result ?? null };
  const body = isMap(error) ? error : {};
  if (ok !== false || typeof body["code"] !== "string") throw new Malformed("a reply that is neither result nor error");
  const number = body["tws_code"];
  return {
    id,
    ok: false,
    error: {
      code: body["code"],
      message: typeof body["message"] === "string" ? body["message"] : "",
      field: typeof body["field"] === "string" ? body["field"] : null,
      tws_code: typeof number === "number" ? number : null,
    },
  };
}

/** A request. `validUntil`: ns since the epoch; past it the request has no effect. */
export function encodeRequest(id: string | number | bigint, op: string, args: object, validUntil: bigint | null): Uint8Array {
  const envelope: Fields = { v: 1, id, op, args: args as Fields };
  if (validUntil !== null) envelope["valid_until"] = validUntil;
  return encoder.encode(envelope);
}

export function decodeMap(bytes: Uint8Array): Fields {
  let found: Value;
  try {
    found = settle(decoder.decode(bytes), "");
  } catch (problem) {
    if (problem instanceof Malformed) throw problem;
    throw new Malformed(`not msgpack: ${problem instanceof Error ? problem.message : String(problem)}`);
  }
  if (!isMap(found)) throw new Malformed("not a map");
  return found;
}

/** Integers as the field's type has them. Throws `Malformed` for what msgpack knows and this protocol does not. */
function settle(value: unknown, field: string): Value {
  switch (typeof value) {
    case "bigint": {
      const big = BIGINT_FIELDS.has(field) || value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER);
      return big ? value : Number(value);
    }
    case "number":
      return BIGINT_FIELDS.has(field) && Number.isInteger(value) ? BigInt(value) : value;
    case "string":
    case "boolean":
      return value;
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map((item) => settle(item, ""));
      if (value instanceof Uint8Array) return value;
      if (Object.getPrototypeOf(value) === Object.prototype) {
        // Where the keys are names that somebody has chosen, such as those of strategies, they say nothing of the values.
        const named = MAP_FIELDS.has(field);
        const entries = Object.entries(value).map(([key, item]) => [key === PROTO_INSIDE ? PROTO : key, settle(item, named ? "" : key)]);
        return Object.fromEntries(entries);
      }
      throw new Malformed("a value that this protocol does not use");
    default:
      throw new Malformed("a value that this protocol does not use");
  }
}

export function isMap(value: Value | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
