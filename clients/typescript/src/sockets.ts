/**
 * How the sockets of a client are set, and what a failed handshake means. ZMTP heartbeats are never set: they end
 * processes (SPEC: Sockets). TCP keepalive finds a peer that is gone.
 */

import { Dealer, Subscriber } from "zeromq";

import { ConnectionRefused } from "./errors.js";
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
} as const;

function curve(cluster: Cluster): { curvePublicKey?: string; curveSecretKey?: string; curveServerKey?: string } {
  if (cluster.curve === null) return {};
  return {
    curvePublicKey: cluster.curve.publicKey,
    curveSecretKey: cluster.curve.secretKey,
    curveServerKey: cluster.curve.serverKey,
  };
}

export function openEvents(cluster: Cluster): Subscriber {
  return new Subscriber({ ...COMMON, ...curve(cluster), receiveHighWaterMark: RECEIVE_QUEUE });
}

export function openRequests(cluster: Cluster): Dealer {
  return new Dealer({ ...COMMON, ...curve(cluster), sendHighWaterMark: SEND_QUEUE });
}

/** Calls `onRefused` with what is wrong, and `onLink` when connections come and go, until the socket is closed. */
export function watch(
  socket: Dealer | Subscriber,
  cluster: Cluster,
  onRefused: (error: ConnectionRefused) => void,
  onLink: (endpoint: string, up: boolean) => void,
): void {
  const events = socket.events;
  events.on("handshake", ({ address }) => onLink(address, true));
  events.on("disconnect", ({ address }) => onLink(address, false));
  events.on("handshake:error:auth", ({ address }) => {
    onRefused(new ConnectionRefused(address, "refused key", "ask the operator: twsmq keys accept, or add"));
  });
  const failed = ({ address }: { address: string }): void => {
    onRefused(
      cluster.curve === null
        ? new ConnectionRefused(address, "no keys", "this cluster wants keys: give the file of 'twsmq keys add'")
        : new ConnectionRefused(address, "wrong server key", "write the key file again with 'twsmq keys add'"),
    );
  };
  events.on("handshake:error:protocol", failed);
  events.on("handshake:error:other", failed);
}
