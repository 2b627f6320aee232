/**
 * Where the cluster is and which keys open it: from the file that `twsmq keys add` writes, or from `portBase` alone on
 * the loopback interface. The file is lines of `name = "text"` or `name = number` (SPEC: Keys).
 */

import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

import { TwsmqError } from "./errors.js";

export interface Curve {
  readonly publicKey: string;
  readonly secretKey: string;
  readonly serverKey: string;
}

export interface Cluster {
  readonly host: string;
  readonly portBase: number;
  readonly shards: number;
  readonly curve: Curve | null;
}

const REQUESTS: ReadonlyMap<string, number> = new Map([
  ["supervisor", 0],
  ["connection", 10],
  ["orders", 30],
  ["status", 40],
  ["reference", 50],
  ["history", 60],
  ["web", 82],
]);
const MARKETDATA = /^marketdata-([0-4])$/;
const SHARDS = 5;
const Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

export function local(portBase = 5500): Cluster {
  return { host: "127.0.0.1", portBase, shards: SHARDS, curve: null };
}

const ANEW = "have it written again with 'twsmq keys add', after 'twsmq keys revoke' of its name";

/** Throws `TwsmqError` for a file that others may read, that lacks something, or has what cannot be. */
export function fromFile(path: string): Cluster {
  const found = new Map<string, string>();
  for (const line of ownText(path).split("\n")) {
    const parts = /^\s*([a-z_]+)\s*=\s*(?:"([^"]*)"|(\d+))\s*(?:#.*)?$/.exec(line);
    if (parts?.[1] !== undefined) found.set(parts[1], parts[2] ?? parts[3] ?? "");
  }
  // What ZeroMQ would throw for, or wait for in vain, must not get as far as a socket; a value is never shown.
  const need = (key: string, is: (value: string) => boolean, what: string): string => {
    const value = found.get(key);
    if (value === undefined) throw new TwsmqError(`${path}: ${key} is missing; ${ANEW}`);
    if (!is(value)) throw new TwsmqError(`${path}: ${key} ${what}; ${ANEW}`);
    return value;
  };
  const number = (key: string, least: number, most: number): number => {
    const within = (value: string): boolean => /^\d{1,6}$/.test(value) && Number(value) >= least && Number(value) <= most;
    return Number(need(key, within, `is none from ${least} to ${most}`));
  };
  const bytes = (key: string): Buffer => {
    const value = z85(need(key, (text) => z85(text) !== null, "is no key of 40 characters"));
    return value ?? Buffer.alloc(0);
  };
  const host = need("host", (value) => /^[A-Za-z0-9.-]{1,255}$/.test(value), "is no IPv4 address and no name");
  const portBase = number("port_base", 1024, 65_435);
  const shards = found.has("marketdata") ? number("marketdata", 1, SHARDS) : SHARDS;
  bytes("server_key");
  if (!publicOf(bytes("secret_key")).equals(bytes("public_key"))) {
    throw new TwsmqError(`${path}: its secret_key does not belong to its public_key, one of the two was changed; ${ANEW}`);
  }
  const text = (key: string): string => found.get(key) ?? "";
  return {
    host,
    portBase,
    shards,
    curve: { publicKey: text("public_key"), secretKey: text("secret_key"), serverKey: text("server_key") },
  };
}

function ownText(path: string): string {
  try {
    const mode = statSync(path).mode & 0o777;
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new TwsmqError(`${path} may be read by others (mode ${mode.toString(8)}): chmod 600 ${path}`);
    }
    return readFileSync(path, "utf8");
  } catch (problem) {
    if (problem instanceof TwsmqError) throw problem;
    throw new TwsmqError(`${path} cannot be read: ${problem instanceof Error ? problem.message : String(problem)}`);
  }
}

/** The 32 bytes of a key (ZeroMQ RFC 32), null for what is none. */
function z85(text: string): Buffer | null {
  if (text.length !== 40) return null;
  const bytes = Buffer.alloc(32);
  for (let group = 0; group < 8; group += 1) {
    let value = 0;
    for (const digit of text.slice(5 * group, 5 * group + 5)) {
      const digitValue = Z85.indexOf(digit);
      if (digitValue < 0) return null;
      value = value * 85 + digitValue;
    }
    if (value > 0xffff_ffff) return null;
    bytes.writeUInt32BE(value, 4 * group);
  }
  return bytes;
}

/** CURVE's keys are X25519's (RFC 7748); Node takes and gives them as DER, where 32 bytes of key follow a fixed head. */
function publicOf(secret: Buffer): Buffer {
  const head = Buffer.from("302e020100300506032b656e04220420", "hex");
  const key = createPrivateKey({ key: Buffer.concat([head, secret]), format: "der", type: "pkcs8" });
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
}

/** Throws `TwsmqError` for a name that is no process. */
export function requestsEndpoint(cluster: Cluster, process: string): string {
  const shard = MARKETDATA.exec(process)?.[1];
  const offset = shard === undefined ? REQUESTS.get(process) : 20 + 2 * Number(shard);
  if (offset === undefined) throw new TwsmqError(`no process is called ${JSON.stringify(process)}`);
  return `tcp://${cluster.host}:${cluster.portBase + offset}`;
}

/** The events endpoint of every process there may be. */
export function eventsEndpoints(cluster: Cluster): string[] {
  const offsets = [...REQUESTS.values()];
  for (let shard = 0; shard < cluster.shards; shard += 1) offsets.push(20 + 2 * shard);
  return offsets.map((offset) => `tcp://${cluster.host}:${cluster.portBase + offset + 1}`);
}
