/**
 * How the sockets of a client are set, and what a failed handshake means. ZMTP heartbeats are never set: they end
 * processes (SPEC: Sockets). TCP keepalive finds a peer that is gone.
 */

import { Dealer, Subscriber } from "zeromq";

import { Admission, HANGS_MS } from "./admission.js";
import type { Cluster } from "./keys.js";

const RECEIVE_QUEUE = 100_000;
const SEND_QUEUE = 10_000;

const COMMON = {
  linger: 0,
  reconnectInterval: 50,
  reconnectMaxInterval: 500,
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 5,
  tcpKeepaliveInterval: 2,
  tcpKeepaliveCount: 3,
  tcpMaxRetransmitTimeout: 15_000,
} as const;

function curve(cluster: Cluster): { curvePublicKey?: string; curveSecretKey?: string; curveServerKey?: string } {
  if (cluster.curve === null) return {};
  return {
    curvePublicKey: cluster.curve.publicKey,
    curveSecretKey: cluster.curve.secretKey,
    curveServerKey: cluster.curve.serverKey,
  };
}

/** ZMQ_SNDHWM, which zeromq.js does not offer for a SUB: what of its subscriptions has no room is dropped without a word. */
const SNDHWM = 23;

class Events extends Subscriber {
  constructor(options: ConstructorParameters<typeof Subscriber>[0]) {
    super(options);
    this.setInt32Option(SNDHWM, SEND_QUEUE);
  }
}

export function openEvents(cluster: Cluster): Subscriber {
  return new Events({ ...COMMON, ...curve(cluster), receiveHighWaterMark: RECEIVE_QUEUE });
}

export function openRequests(cluster: Cluster): Dealer {
  return new Dealer({ ...COMMON, ...curve(cluster), sendHighWaterMark: SEND_QUEUE });
}

/** Follows a socket's connections in `by` (by endpoint), and calls `changed` after each change, until it is closed. */
export function watch(
  socket: Dealer | Subscriber,
  cluster: Cluster,
  by: Map<string, Admission>,
  changed: (endpoint: string, wasUp: boolean) => void,
): void {
  const events = socket.events;
  const change = (endpoint: string, what: (link: Admission) => void): void => {
    const link = by.get(endpoint) ?? new Admission(cluster.curve !== null);
    by.set(endpoint, link);
    const wasUp = link.up;
    what(link);
    changed(endpoint, wasUp);
  };
  events.on("connect", ({ address }) => {
    change(address, (link) => link.connected(performance.now()));
    setTimeout(() => changed(address, by.get(address)?.up ?? false), HANGS_MS + 1).unref();
  });
  events.on("handshake", ({ address }) => change(address, (link) => link.letIn()));
  events.on("disconnect", ({ address }) => change(address, (link) => link.lost()));
  events.on("handshake:error:auth", ({ address }) => change(address, (link) => link.refused()));
  events.on("handshake:error:other", ({ address }) => change(address, (link) => link.failed(false)));
  events.on("handshake:error:protocol", ({ address, error }) => {
    change(address, (link) => link.failed((error as NodeJS.ErrnoException).code === "ERR_ZMTP_MECHANISM_MISMATCH"));
  });
}
