/**
 * Where the cluster is and which keys open it: from the file that `twsmq keys add` writes, or from `portBase` alone on
 * the loopback interface. The file is lines of `name = "text"` or `name = number` (SPEC: Keys).
 */

import { readFileSync } from "node:fs";

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

const REQUESTS: { readonly [process: string]: number } = {
  supervisor: 0,
  connection: 10,
  orders: 30,
  status: 40,
  reference: 50,
  history: 60,
};
const MARKETDATA = /^marketdata-([0-4])$/;
const SHARDS = 5;

export function local(portBase = 5500): Cluster {
  return { host: "127.0.0.1", portBase, shards: SHARDS, curve: null };
}

/** Throws `TwsmqError` for a file that lacks something. */
export function fromFile(path: string): Cluster {
  const found = new Map<string, string>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const parts = /^\s*([a-z_]+)\s*=\s*(?:"([^"]*)"|(\d+))\s*(?:#.*)?$/.exec(line);
    if (parts?.[1] !== undefined) found.set(parts[1], parts[2] ?? parts[3] ?? "");
  }
  const need = (key: string): string => {
    const value = found.get(key);
    if (value === undefined) throw new TwsmqError(`${path} has no ${key}: write it again with 'twsmq keys add'`);
    return value;
  };
  return {
    host: need("host"),
    portBase: Number(need("port_base")),
    shards: Number(found.get("marketdata") ?? SHARDS),
    curve: { publicKey: need("public_key"), secretKey: need("secret_key"), serverKey: need("server_key") },
  };
}

/** Throws `TwsmqError` for a name that is no process. */
export function requestsEndpoint(cluster: Cluster, process: string): string {
  const shard = MARKETDATA.exec(process)?.[1];
  const offset = shard === undefined ? REQUESTS[process] : 20 + 2 * Number(shard);
  if (offset === undefined) throw new TwsmqError(`no process is called ${JSON.stringify(process)}`);
  return `tcp://${cluster.host}:${cluster.portBase + offset}`;
}

/** The events endpoint of every process there may be. */
export function eventsEndpoints(cluster: Cluster): string[] {
  const offsets = Object.values(REQUESTS);
  for (let shard = 0; shard < cluster.shards; shard += 1) offsets.push(20 + 2 * shard);
  return offsets.map((offset) => `tcp://${cluster.host}:${cluster.portBase + offset + 1}`);
}
