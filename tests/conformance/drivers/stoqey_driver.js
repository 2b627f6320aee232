// Driver for npm `@stoqey/ib`; what drivers do is said in `conversation.py`. NODE_PATH names the folder the
// library is installed in.
"use strict";

const path = require("node:path");
const readline = require("node:readline");
const { IBApi } = require("@stoqey/ib");

const MANIFEST = path.join(path.dirname(require.resolve("@stoqey/ib")), "..", "package.json");
const FIRST_REQUEST_ID = 9001;
const ids = new Map(); // the judge's name of a request or order -> its id
const refs = new Map(); // and back
let nextOrderId = 1;

const plain = (value) => {
  if (typeof value !== "number") return value === undefined ? null : value;
  return Number.isFinite(value) && value !== Number.MAX_VALUE && value !== 2147483647 ? value : null;
};

function emit(event, fields = {}) {
  const observation = { event };
  for (const [name, value] of Object.entries(fields)) observation[name] = plain(value);
  if ("id" in fields) observation.ref = refs.get(fields.id) ?? null;
  process.stdout.write(JSON.stringify(observation) + "\n");
}

function name(id, ref) {
  ids.set(ref, id);
  refs.set(id, ref);
  return id;
}

const requestId = (ref) => ids.get(ref) ?? name(FIRST_REQUEST_ID + ids.size, ref);

function orderId(ref, wanted) {
  if (!ids.has(ref)) {
    const id = name(wanted ?? nextOrderId, ref);
    nextOrderId = Math.max(nextOrderId, id + 1);
  }
  return ids.get(ref);
}

const pick = (source, ...names) => Object.fromEntries(names.map((field) => [field, source[field]]));
const contractFields = (contract) =>
  pick(contract, "conId", "symbol", "secType", "exchange", "currency", "localSymbol", "multiplier");
const number = (text) => (text === undefined || text === null || text === "" ? null : Number(text));
// An observation whose fields are the event's arguments, in their order.
const fields =
  (...names) =>
  (...args) =>
    Object.fromEntries(names.map((field, nth) => [field, args[nth]]));

const details = (id, found) => ({
  id,
  ...contractFields(found.contract),
  ...pick(found, "minTick", "longName", "marketName", "validExchanges"),
});
const depthRow = fields("id", "position", "operation", "side", "price", "size");

// event of the library -> [name of the observation, its fields from the arguments]
const EVENTS = {
  server: ["connected", fields("serverVersion")],
  disconnected: ["connectionClosed", fields()],
  managedAccounts: ["managedAccounts", fields("accounts")],
  nextValidId: ["nextValidId", fields("orderId")],
  currentTime: ["currentTime", fields("time")],
  error: ["error", (error, code, id) => ({ id, code, text: error.message })],
  info: ["error", (text, code) => ({ id: -1, code, text })],
  contractDetails: ["contractDetails", details],
  bondContractDetails: ["contractDetails", details],
  contractDetailsEnd: ["contractDetailsEnd", fields("id")],
  securityDefinitionOptionParameter: [
    "securityDefinitionOptionParameter",
    fields("id", "exchange", "underlyingConId", "tradingClass", "multiplier", "expirations", "strikes"),
  ],
  securityDefinitionOptionParameterEnd: ["securityDefinitionOptionParameterEnd", fields("id")],
  marketDataType: ["marketDataType", fields("id", "type")],
  tickReqParams: ["tickReqParams", fields("id", "minTick")],
  tickPrice: ["tickPrice", fields("id", "tickType", "price")],
  tickSize: ["tickSize", fields("id", "tickType", "size")],
  tickString: ["tickString", fields("id", "tickType", "value")],
  tickSnapshotEnd: ["tickSnapshotEnd", fields("id")],
  tickByTickAllLast: [
    "tickByTick",
    (id, kind, time, price, size, _attributes, exchange) => ({
      ...{ id, kind: kind === 1 ? "Last" : "AllLast" },
      ...{ time: Number(time), price, size, exchange },
    }),
  ],
  tickByTickBidAsk: [
    "tickByTick",
    (id, time, bidPrice, askPrice, bidSize, askSize) => ({
      ...{ id, kind: "BidAsk", time: Number(time) },
      ...{ bidPrice, askPrice, bidSize, askSize },
    }),
  ],
  tickByTickMidPoint: [
    "tickByTick",
    (id, time, midPoint) => ({ id, kind: "MidPoint", time: Number(time), midPoint }),
  ],
  updateMktDepth: ["updateMktDepth", (...args) => ({ ...depthRow(...args), marketMaker: "", smart: false })],
  updateMktDepthL2: [
    "updateMktDepth",
    (id, position, marketMaker, operation, side, price, size, smart) => ({
      ...depthRow(id, position, operation, side, price, size),
      ...{ marketMaker, smart },
    }),
  ],
  historicalData: ["historicalData", fields("id", "date", "open", "high", "low", "close", "volume")],
  historicalDataUpdate: ["historicalDataUpdate", fields("id", "date", "open", "high", "low", "close", "volume")],
  headTimestamp: ["headTimestamp", fields("id", "time")],
  openOrder: [
    "openOrder",
    (id, contract, order, state) => ({
      ...{ id, orderId: id },
      ...contractFields(contract),
      ...pick(order, "permId", "clientId", "parentId", "action", "totalQuantity", "orderType", "lmtPrice"),
      ...pick(order, "auxPrice", "tif", "ocaGroup", "ocaType", "orderRef", "account", "whatIf"),
      ...pick(order, "clearingIntent", "deltaNeutralOrderType", "trailStopPrice"),
      status: state.status,
      initMarginChange: number(state.initMarginChange),
      maintMarginChange: number(state.maintMarginChange),
      equityWithLoanAfter: number(state.equityWithLoanAfter),
      commission: state.commission,
    }),
  ],
  openOrderEnd: ["openOrderEnd", fields()],
  orderStatus: [
    "orderStatus",
    (id, status, filled, remaining, avgFillPrice, permId, parentId, lastFillPrice, clientId, whyHeld) => ({
      ...{ id, orderId: id, status, filled, remaining, avgFillPrice, permId },
      ...{ parentId, lastFillPrice, clientId, whyHeld },
    }),
  ],
  execDetails: [
    "execDetails",
    (request, contract, found) => ({
      ...{ id: found.orderId, request: refs.get(request) },
      ...contractFields(contract),
      ...pick(found, "execId", "time", "acctNumber", "side", "shares", "price", "permId", "clientId"),
      ...pick(found, "orderId", "cumQty", "avgPrice", "orderRef"),
    }),
  ],
  execDetailsEnd: ["execDetailsEnd", fields("id")],
  commissionReport: [
    "commissionReport",
    (report) => pick(report, "execId", "commission", "currency", "realizedPNL"),
  ],
  completedOrder: [
    "completedOrder",
    (contract, order, state) => ({
      symbol: contract.symbol,
      ...pick(order, "permId", "action", "totalQuantity", "filledQuantity", "orderType", "lmtPrice"),
      ...pick(state, "status", "completedTime", "completedStatus"),
    }),
  ],
  completedOrdersEnd: ["completedOrdersEnd", fields()],
  accountSummary: ["accountSummary", fields("id", "account", "tag", "value", "currency")],
  accountSummaryEnd: ["accountSummaryEnd", fields("id")],
  position: [
    "position",
    (account, contract, position, avgCost) => ({ ...contractFields(contract), account, position, avgCost }),
  ],
  positionEnd: ["positionEnd", fields()],
  updateAccountValue: ["updateAccountValue", fields("tag", "value", "currency", "account")],
  updatePortfolio: [
    "updatePortfolio",
    (contract, position, marketPrice) => ({ ...contractFields(contract), position, marketPrice }),
  ],
  updateAccountTime: ["updateAccountTime", fields("time")],
  accountDownloadEnd: ["accountDownloadEnd", fields("account")],
};

function observe(event, args) {
  if (event === "nextValidId") nextOrderId = args[0];
  if (event === "historicalData" && String(args[1]).startsWith("finished")) {
    emit("historicalDataEnd", { id: args[0] }); // the library tells the end as one more bar
    return;
  }
  const known = EVENTS[event];
  if (known) emit(known[0], known[1](...args));
}

let api;
const COMMANDS = {
  connect({ host, port, clientId }) {
    api = new IBApi({ host, port });
    for (const event of Object.keys(EVENTS)) api.on(event, (...args) => observe(event, args));
    api.connect(clientId);
  },
  disconnect: () => api.disconnect(),
  reqCurrentTime: () => api.reqCurrentTime(),
  reqContractDetails: ({ ref, contract }) => api.reqContractDetails(requestId(ref), contract),
  reqSecDefOptParams: ({ ref, symbol, secType, conId }) =>
    api.reqSecDefOptParams(requestId(ref), symbol, "", secType, conId),
  reqMktData: ({ ref, contract, snapshot = false, genericTicks = "" }) =>
    api.reqMktData(requestId(ref), contract, genericTicks, snapshot, false),
  cancelMktData: ({ ref }) => api.cancelMktData(requestId(ref)),
  reqTickByTickData: ({ ref, contract, kind }) =>
    api.reqTickByTickData(requestId(ref), contract, kind, 0, false),
  cancelTickByTickData: ({ ref }) => api.cancelTickByTickData(requestId(ref)),
  reqMktDepth: ({ ref, contract, rows, smart }) => api.reqMktDepth(requestId(ref), contract, rows, smart),
  cancelMktDepth: ({ ref, smart }) => api.cancelMktDepth(requestId(ref), smart),
  reqHistoricalData: ({ ref, contract, duration, barSize, whatToShow, keepUpToDate = false }) =>
    api.reqHistoricalData(requestId(ref), contract, "", duration, barSize, whatToShow, true, 1, keepUpToDate),
  cancelHistoricalData: ({ ref }) => api.cancelHistoricalData(requestId(ref)),
  reqHeadTimeStamp: ({ ref, contract, whatToShow }) =>
    api.reqHeadTimestamp(requestId(ref), contract, whatToShow, true, 1),
  placeOrder({ ref, contract, order, parent, orderId: wanted }) {
    const id = orderId(ref, wanted);
    emit("placed", { id });
    const parentId = parent ? { parentId: ids.get(parent) } : {};
    api.placeOrder(id, contract, { transmit: true, ...order, ...parentId });
  },
  cancelOrder: ({ ref, orderId: wanted }) => api.cancelOrder(orderId(ref, wanted)),
  reqOpenOrders: () => api.reqOpenOrders(),
  reqAllOpenOrders: () => api.reqAllOpenOrders(),
  reqExecutions: ({ ref, symbol = "" }) => api.reqExecutions(requestId(ref), symbol ? { symbol } : {}),
  reqCompletedOrders: () => api.reqCompletedOrders(false),
  reqAccountSummary: ({ ref, tags }) => api.reqAccountSummary(requestId(ref), "All", tags),
  reqPositions: () => api.reqPositions(),
  reqAccountUpdates: ({ account }) => api.reqAccountUpdates(true, account),
};

process.on("uncaughtException", (error) => emit("crashed", { text: String(error.stack) }));
const misread = { "tickReqParams.minTick": "the library reads it as an integer" };
emit("hello", { library: "@stoqey/ib", version: require(MANIFEST).version, callbacks: "raw", misread });
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  try {
    COMMANDS[command.do](command);
  } catch (error) {
    const missing = /^api\.\w+ is not a function/.test(error.message);
    emit(missing ? "unsupported" : "refused", { ref: command.ref, reason: error.message });
  }
});
lines.on("close", () => process.exit(0));
