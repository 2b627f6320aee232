/**
 * The client: requests with one answer each, events with their losses, orders with handles.
 *
 * Invariants: a request's id is used once; a reply that comes after its request was given up is dropped; every request
 * carries the time until which it may take effect; events are handed out in the order in which they came, each once.
 */

import type { Dealer, Subscriber } from "zeromq";

import { decodeEvent, decodeReply, encodeRequest, type Frame, type Reply, type UnknownEvent } from "./codec.js";
import { type Admission, type Standing, standing } from "./admission.js";
import { Closed, ConnectionRefused, type Mistake, OutcomeUnknown, Refused } from "./errors.js";
import { type Cluster, eventsEndpoints, fromFile, local, requestsEndpoint } from "./keys.js";
import { OrderNumbers, TopicNumbers } from "./loss.js";
import { OrderHandle } from "./order.js";
import { Queue } from "./queue.js";
import { openEvents, openRequests, watch } from "./sockets.js";
import type { AnyEvent, Ops, PlaceOrder } from "./types.js";

/** Heartbeats of the orders node name the newest order numbers, so that a lost last event shows. */
const BEATS = "node/orders/";
/** Says which part of a wish for order events a key opens. */
const DENIED = "denied/";
const MAX_REQUEST_BYTES = 256 * 1024;
/** What a timer takes at most. */
const LONGEST_MS = 2 ** 31 - 1;

export interface Options {
  /** The file that `twsmq keys add` wrote; without it the cluster on this machine. */
  readonly keys?: string;
  readonly portBase?: number;
  /** How long a request waits for its reply. */
  readonly timeoutMs?: number;
}

/** An event with the number of events of its topic that were lost just before it. */
export interface Received {
  readonly topic: string;
  readonly event: AnyEvent | UnknownEvent;
  readonly lost: number;
}

export interface LinkChange {
  readonly endpoint: string;
  readonly up: boolean;
}

type Args<Op extends keyof Ops> = Ops[Op]["args"];
type Result<Op extends keyof Ops> = Ops[Op]["result"];

interface Waiting {
  readonly process: string;
  /** How often its process had let us in when it was sent, null if it did just then: it may have arrived. */
  readonly sent: number | null;
  readonly settle: (reply: Reply) => void;
  readonly fail: (error: Error) => void;
}

export class Client implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly numbers = new TopicNumbers();
  /** Durable numbers by subscription: `order/`, `order/<strategy>/`. */
  readonly orderNumbers = new Map<string, OrderNumbers>();
  /** Called when a connection comes or goes; a lost one comes back by itself. */
  onLink: (change: LinkChange) => void = () => {};
  /** Called when a process does not let this client in; the error says which mistake it is. */
  onRefused: (error: ConnectionRefused) => void = () => {};
  malformed = 0;
  unknown = 0;

  private readonly timeoutMs: number;
  private readonly events_: Subscriber;
  private readonly received = new Queue<Received>();
  private readonly watchers = new Set<(received: Received) => void>();
  private readonly requests = new Map<string, Dealer>();
  private readonly waiting = new Map<number, Waiting>();
  private readonly topics = new Set<string>();
  /** What is open of a wish in `orderNumbers` that the key does not open as a whole. */
  private readonly narrowed = new Map<string, Map<string, OrderNumbers>>();
  private nextId = 1;
  private readonly eventLinks = new Map<string, Admission>();
  private readonly requestLinks = new Map<string, Map<string, Admission>>();
  private readonly announced = new Map<string, Mistake>();
  private closed = false;

  constructor(options: Options = {}) {
    this.cluster = options.keys === undefined ? local(options.portBase) : fromFile(options.keys);
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.events_ = openEvents(this.cluster);
    watch(this.events_, this.cluster, this.eventLinks, (endpoint, wasUp) => this.eventsChanged(endpoint, wasUp));
    for (const endpoint of eventsEndpoints(this.cluster)) this.events_.connect(endpoint);
    void this.readEvents();
  }

  /** Subscribing to a complete market-data topic is what starts its line. */
  subscribe(...topics: string[]): void {
    const counted = this.orderNumbers.size > 0;
    // One by one: without any topic ZeroMQ's own would subscribe to everything.
    for (const topic of new Set(topics)) {
      if (isNumbered(topic) && !this.orderNumbers.has(topic)) {
        // Before the wish that it may be about, and on top of a subscription of the user's own, which may end before ours.
        if (this.orderNumbers.size === 0) this.events_.subscribe(DENIED);
        this.orderNumbers.set(topic, new OrderNumbers());
      }
      if (!this.topics.has(topic)) this.events_.subscribe(topic);
      this.topics.add(topic);
    }
    if (!counted && this.orderNumbers.size > 0) this.events_.subscribe(BEATS);
  }

  unsubscribe(...topics: string[]): void {
    const counted = this.orderNumbers.size > 0;
    for (const topic of new Set(topics)) {
      if (this.topics.delete(topic)) this.events_.unsubscribe(topic);
      this.orderNumbers.delete(topic);
      this.narrowed.delete(topic);
    }
    if (counted && this.orderNumbers.size === 0) this.events_.unsubscribe(BEATS, DENIED);
    this.numbers.keep((topic) => this.listens(topic) || (this.orderNumbers.size > 0 && isOurs(topic)));
  }

  /**
   * Every event as it comes, until the client is closed. While nobody takes them 100,000 wait; the oldest go then, and are in
   * the `lost` of the next that is taken. Throws `ConnectionRefused` when a process does not let us in and no
   * other does.
   */
  async *events(): AsyncGenerator<Received, void, void> {
    for (;;) {
      const next = await this.received.take();
      if (next === undefined) {
        if (this.closed) return;
        const refused = this.barred();
        if (refused === null) continue;
        this.tryAgain(refused.endpoint);
        throw refused;
      }
      const { dropped } = this.received;
      this.received.dropped = 0;
      yield dropped === 0 ? next : { ...next, lost: next.lost + dropped };
    }
  }

  /** Called for every event, before `events()` hands it out. The function it returns ends that. */
  onEvent(watcher: (received: Received) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /**
   * The result of an op. Throws `Refused` with the protocol's code, or `OutcomeUnknown` when no reply came in time: it
   * may have taken effect, and the same request again is safe.
   */
  async request<Op extends keyof Ops>(process: Ops[Op]["process"], op: Op, args: Args<Op>, timeoutMs?: number): Promise<Result<Op>> {
    const patience = timeoutMs ?? this.timeoutMs;
    const id = this.nextId;
    this.nextId += 1;
    const validUntil = (BigInt(Date.now()) + BigInt(Math.ceil(patience))) * 1_000_000n;
    const reply = await this.send(process, op, id, encodeRequest(id, op, args, validUntil), patience);
    if (reply.ok) return reply.result as unknown as Result<Op>; // its shape is the protocol's: additions only
    const { code, message, field, tws_code } = reply.error;
    throw new Refused(process, op, code, message, field, tws_code);
  }

  /**
   * Places an order. The handle awaits `written()` (durable, and its bytes sent), `acknowledged()` (the gateway knows
   * it) and `done()`. Repeating it with the same `client_order_id` never places a second one.
   */
  async place(order: PlaceOrder): Promise<OrderHandle> {
    this.subscribe(`order/${order.strategy}/`);
    const handle = new OrderHandle(this, order);
    try {
      await handle.written();
    } catch (problem) {
      handle.close(); // nobody has it to close
      throw problem;
    }
    return handle;
  }

  /** Sends any bytes at all; for tests of the protocol. */
  async raw(process: string, id: number | null, frame: Uint8Array, timeoutMs = this.timeoutMs): Promise<Reply> {
    return this.send(process, "raw", id ?? -1, frame, timeoutMs);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.events_.close();
    for (const socket of this.requests.values()) socket.close();
    for (const { fail } of [...this.waiting.values()]) fail(new Closed());
    this.waiting.clear();
    this.received.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async send(process: string, op: string, id: number, frame: Uint8Array, patience: number): Promise<Reply> {
    if (this.closed) throw new Closed();
    if (op !== "raw" && frame.length > MAX_REQUEST_BYTES) {
      throw new Refused(process, op, "malformed", `${frame.length} bytes; a request is at most ${MAX_REQUEST_BYTES}`, null, null);
    }
    const socket = this.dealer(process);
    return new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new OutcomeUnknown(process, op, patience / 1000));
      }, Math.min(patience, LONGEST_MS));
      const end = (): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
      };
      const link = this.requestLink(process);
      this.waiting.set(id, {
        process,
        sent: link.up ? null : link.timesUp,
        settle: (reply) => {
          end();
          resolve(reply);
        },
        fail: (error) => {
          end();
          reject(error);
        },
      });
      socket.send(frame).catch(() => undefined); // what could not be sent is never answered: the time-out tells
      queueMicrotask(() => this.requestsChanged(process, requestsEndpoint(this.cluster, process)));
    });
  }

  private dealer(process: string): Dealer {
    let socket = this.requests.get(process);
    if (socket === undefined) {
      socket = openRequests(this.cluster);
      const links = new Map<string, Admission>();
      const dealer = socket;
      this.requestLinks.set(process, links);
      watch(socket, this.cluster, links, (endpoint, wasUp) => {
        if (this.requests.get(process) !== dealer) return;
        this.announceLink(endpoint, links.get(endpoint), wasUp);
        this.requestsChanged(process, endpoint);
      });
      socket.connect(requestsEndpoint(this.cluster, process));
      this.requests.set(process, socket);
      void this.readReplies(socket);
    }
    return socket;
  }

  private requestLink(process: string): Standing {
    return standing(this.requestLinks.get(process)?.values() ?? [], performance.now());
  }

  /**
   * Who is not let in is told, unless the request may have left on an earlier connection. What waits in the socket is
   * never sent: it is closed, and the next request tries anew.
   */
  private requestsChanged(process: string, endpoint: string): void {
    if (this.closed || !this.requestLinks.has(process)) return;
    const link = this.requestLink(process);
    const mistake = this.announce(endpoint, link.mistake);
    if (mistake === null) return;
    const refused = [...this.waiting.values()].filter((one) => one.process === process && one.sent === link.timesUp);
    if (refused.length === 0) return;
    this.requests.get(process)?.close();
    this.requests.delete(process);
    this.requestLinks.delete(process);
    this.announced.delete(endpoint);
    for (const { fail } of refused) fail(new ConnectionRefused(endpoint, mistake));
  }

  private eventsChanged(endpoint: string, wasUp: boolean): void {
    const link = this.eventLinks.get(endpoint);
    if (link === undefined || this.closed) return;
    this.announceLink(endpoint, link, wasUp);
    const mistake = this.announce(endpoint, link.mistake(performance.now()));
    if (mistake !== null && this.barred() !== null) this.received.interrupt();
  }

  private announceLink(endpoint: string, link: Admission | undefined, wasUp: boolean): void {
    if (link !== undefined && link.up !== wasUp && !this.closed) this.onLink({ endpoint, up: link.up });
  }

  /** libzmq gives a connection up for good when the gatekeeper says no; the next key may do better. */
  private tryAgain(endpoint: string): void {
    const addresses = eventsEndpoints(this.cluster);
    for (const address of addresses.includes(endpoint) ? [endpoint] : addresses) {
      try {
        this.events_.disconnect(address);
      } catch {
        // it was given up
      }
      this.events_.connect(address);
    }
    this.eventLinks.delete(endpoint);
  }

  private announce(endpoint: string, mistake: Mistake | null): Mistake | null {
    if (mistake === null) {
      this.announced.delete(endpoint);
    } else if (this.announced.get(endpoint) !== mistake) {
      this.announced.set(endpoint, mistake);
      this.onRefused(new ConnectionRefused(endpoint, mistake));
    }
    return mistake;
  }

  /** Why no events come from anywhere; null while some may. */
  private barred(): ConnectionRefused | null {
    const links = [...this.eventLinks];
    if (links.some(([, link]) => link.up)) return null;
    for (const [endpoint, link] of links) {
      const mistake = link.mistake(performance.now());
      if (mistake !== null) return new ConnectionRefused(endpoint, mistake);
    }
    return null;
  }

  private async readReplies(socket: Dealer): Promise<void> {
    for await (const frames of socket) {
      const last = frames[frames.length - 1];
      if (last === undefined) continue;
      let reply: Reply;
      try {
        reply = decodeReply(last);
      } catch {
        this.malformed += 1;
        continue;
      }
      const id = typeof reply.id === "number" ? reply.id : -1;
      this.waiting.get(id)?.settle(reply);
    }
  }

  private async readEvents(): Promise<void> {
    for await (const [frame] of this.events_) {
      if (frame === undefined) continue;
      let decoded: Frame;
      try {
        decoded = decodeEvent(frame);
      } catch {
        this.malformed += 1;
        continue;
      }
      const { topic, event, known } = decoded;
      if (!known) this.unknown += 1;
      const byTopic = this.numbers.observe(topic, event.inc, event.seq, topic.startsWith(DENIED) ? event.src : "");
      if (byTopic === null) continue; // already seen
      if (event.type === "denied") this.narrow(event as Extract<AnyEvent, { type: "denied" }>);
      const lost = this.orderLoss(topic, event) ?? byTopic;
      if (isOurs(topic) && !(topic === BEATS && lost > 0) && !this.listens(topic)) continue; // ours alone, to see the last loss
      const received: Received = { topic, event, lost };
      for (const watcher of this.watchers) watcher(received);
      this.received.put(received);
    }
  }

  /** Of the whole subscription to order events, by their durable numbers; undefined where none counts this event. */
  private orderLoss(topic: string, event: AnyEvent | UnknownEvent): number | undefined {
    const found: number[] = [];
    for (const [prefix, numbers] of this.orderNumbers) {
      const parts = this.narrowed.get(prefix);
      if (parts === undefined) {
        found.push(...numbersOf(prefix, topic, event, numbers));
        continue;
      }
      const lost = [...parts].flatMap(([part, its]) => numbersOf(part, topic, event, its));
      const sum = lost.reduce((sofar, one) => sofar + one, 0);
      numbers.lost += sum;
      if (lost.length > 0) found.push(sum);
    }
    return found.length === 0 ? undefined : Math.max(...found);
  }

  /** The key opens only a part of what was wished for: only the numbers of that part are without gaps. */
  private narrow({ wish, granted }: Extract<AnyEvent, { type: "denied" }>): void {
    if (!this.orderNumbers.has(wish)) return;
    const before = this.narrowed.get(wish);
    const open = granted.filter(isNumbered);
    this.narrowed.set(wish, new Map(open.map((prefix) => [prefix, before?.get(prefix) ?? new OrderNumbers()])));
  }

  private listens(topic: string): boolean {
    return [...this.topics].some((prefix) => topic.startsWith(prefix));
  }
}

/** Whether one durable series counts everything below this prefix: all orders, or those of a strategy. */
function isNumbered(topic: string): boolean {
  return "order/".startsWith(topic) || /^order\/[^/]+\/$/.test(topic);
}

/** What we listen to for our own sake. */
function isOurs(topic: string): boolean {
  return topic === BEATS || topic.startsWith(DENIED);
}

/** What an event, or a heartbeat of the orders node, says to be lost of one series; nothing where it is not about it. */
function numbersOf(prefix: string, topic: string, event: AnyEvent | UnknownEvent, numbers: OrderNumbers): number[] {
  const strategy = prefix.split("/")[1] ?? "";
  if (topic === BEATS && event.type === "heartbeat") {
    const beat = event as Extract<AnyEvent, { type: "heartbeat" }>;
    const newest = strategy === "" ? beat.last_event_no : numberOf(beat.strategy_nos, strategy);
    return [typeof newest === "number" ? numbers.observeHeartbeat(newest) : 0];
  }
  if (!topic.startsWith(prefix) || !("event_no" in event)) return [];
  const number = strategy === "" ? event["event_no"] : event["strategy_no"];
  const snapshot = "snapshot" in event && event["snapshot"] === true;
  return typeof number === "number" ? [numbers.observeEvent(number, snapshot)] : [];
}

/** A strategy may be called like something that every object has, such as `constructor`. */
function numberOf(numbers: { readonly [strategy: string]: number } | null | undefined, strategy: string): number | null {
  if (numbers === null || numbers === undefined) return null;
  return Object.hasOwn(numbers, strategy) ? (numbers[strategy] ?? 0) : 0;
}
