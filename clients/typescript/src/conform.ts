/**
 * The program that `twsmq conform` runs to prove this client: a command per line on standard input, an observation per
 * line on standard output (protocol/vectors/sessions/README.md).
 */

import { createInterface } from "node:readline";

import { Client, type Received } from "./client.js";
import { decodeEvent, decodeReply, encodeRequest, type Fields, isMap } from "./codec.js";
import { ConnectionRefused, Malformed, OutcomeUnknown, Refused } from "./errors.js";
import { EVENT_TYPES, type Ops, type Value } from "./types.js";

interface Command {
  readonly do: string;
  readonly [name: string]: Value;
}

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Integers that JSON's numbers cannot hold are written {"$big": "digits"}, bytes {"$bin": "hex"}. */
function fromJson(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first?.[0] === "$big") return BigInt(String(first[1]));
    return Object.fromEntries(entries.map(([key, item]) => [key, fromJson(item)]));
  }
  return value as Value;
}

function toJson(value: unknown): unknown {
  if (typeof value === "bigint") {
    return value > LARGEST || value < -LARGEST ? { $big: value.toString() } : Number(value);
  }
  if (value instanceof Uint8Array) return { $bin: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
  }
  return value;
}

function text(command: Command, name: string): string {
  const value = command[name];
  if (typeof value !== "string") throw new Error(`${command.do} without ${name}`);
  return value;
}

function bytes(command: Command): Uint8Array {
  return Buffer.from(text(command, "hex"), "hex");
}

function milliseconds(command: Command): number {
  const value = command["timeout_ms"];
  return typeof value === "number" ? value : 5_000;
}

const our: { client: Client | null } = { client: null };
let events: AsyncGenerator<Received, void, void> | null = null;
let pending: Promise<IteratorResult<Received, void>> | null = null;

function connected(): Client {
  if (our.client === null) throw new Error("no connection yet");
  return our.client;
}

/** The next event of a type that this version knows. */
async function nextEvent(timeoutMs: number): Promise<unknown> {
  events ??= connected().events();
  const found = await within(events, timeoutMs);
  if ("topic" in found && !EVENT_TYPES.has(found.event.type)) return nextEvent(timeoutMs);
  return found;
}

async function within(
  from: AsyncGenerator<Received, void, void>,
  timeoutMs: number,
): Promise<Received | { nothing: true } | { ended: true }> {
  pending ??= from.next();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeoutMs);
  });
  let first: IteratorResult<Received, void> | null;
  try {
    first = await Promise.race([pending, late]);
  } catch (problem) {
    pending = null;
    events = null; // a generator that has thrown is at its end
    throw problem;
  } finally {
    clearTimeout(timer);
  }
  if (first === null) return { nothing: true };
  pending = null;
  if (first.done === true) return { ended: true };
  return first.value;
}

async function request(command: Command): Promise<unknown> {
  const args = command["args"];
  const op = text(command, "op") as keyof Ops;
  const process = text(command, "process") as Ops[keyof Ops]["process"];
  const given = (isMap(args) ? args : {}) as unknown as Ops[keyof Ops]["args"];
  return { result: await connected().request(process, op, given, milliseconds(command)) };
}

async function carryOut(command: Command): Promise<unknown> {
  switch (command.do) {
    case "decode_event": {
      const { topic, event } = decodeEvent(bytes(command));
      return { topic, event };
    }
    case "decode_reply":
      return { reply: decodeReply(bytes(command)) };
    case "encode_request": {
      const { id, args, valid_until: until } = command;
      const validUntil = typeof until === "bigint" ? until : typeof until === "number" ? BigInt(until) : null;
      if (typeof id !== "string" && typeof id !== "number" && typeof id !== "bigint") throw new Error("encode_request without id");
      const frame = encodeRequest(id, text(command, "op"), isMap(args) ? args : {}, validUntil);
      return { hex: Buffer.from(frame).toString("hex") };
    }
    case "connect":
      our.client = new Client(
        typeof command["keys"] === "string" ? { keys: command["keys"] } : { portBase: Number(command["port_base"]) },
      );
      return {};
    case "subscribe":
      connected().subscribe(...(command["topics"] as string[]));
      return {};
    case "unsubscribe":
      connected().unsubscribe(...(command["topics"] as string[]));
      return {};
    case "next":
      return nextEvent(milliseconds(command));
    case "request":
      return request(command);
    case "raw": {
      const id = command["id"];
      return { reply: await connected().raw(text(command, "process"), typeof id === "number" ? id : null, bytes(command)) };
    }
    case "losses": {
      const orders = [...connected().orderNumbers].map(([prefix, numbers]) => [prefix, numbers.lost] as const);
      return { lost: connected().numbers.lost, restarts: connected().numbers.restarts, orders: Object.fromEntries(orders) };
    }
    case "close":
      await our.client?.close();
      return {};
    default:
      return { unknown_command: command.do };
  }
}

function observed(problem: unknown): unknown {
  if (problem instanceof Refused) {
    const { code, field, twsCode } = problem;
    return { refused: { code, field, tws_code: twsCode } };
  }
  if (problem instanceof ConnectionRefused) return { connection_refused: problem.mistake };
  if (problem instanceof OutcomeUnknown) return { outcome_unknown: true };
  if (problem instanceof Malformed) return { malformed: true };
  return { failed: problem instanceof Error ? `${problem.name}: ${problem.message}` : String(problem) };
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  let answer: unknown;
  try {
    answer = await carryOut(fromJson(JSON.parse(line)) as Fields as Command);
  } catch (problem) {
    answer = observed(problem);
  }
  process.stdout.write(JSON.stringify(toJson(answer)) + "\n");
}
await our.client?.close();
