export { Client, type LinkChange, type Options, type Received } from "./client.js";
export { decodeEvent, decodeReply, encodeRequest, type Frame, type Reply, type UnknownEvent } from "./codec.js";
export { Closed, ConnectionRefused, Malformed, type Mistake, OutcomeUnknown, Refused, TwsmqError } from "./errors.js";
export { OrderNumbers, TopicNumbers } from "./loss.js";
export { OrderHandle } from "./order.js";
export * from "./types.js";
