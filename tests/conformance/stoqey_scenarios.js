// The conformance scenarios for npm @stoqey/ib: `node stoqey_scenarios.js HOST PORT SCENARIO…`, with NODE_PATH
// naming the folder it is installed in. Prints one JSON line per scenario: name, ok, detail.
"use strict";

const assert = require("node:assert");
const { IBApi, EventName } = require("@stoqey/ib");

const TIMEOUT = 20000;
const [host, port, ...wanted] = process.argv.slice(2);

class Client {
  constructor(clientId) {
    this.clientId = clientId;
    this.seen = [];
    this.waiting = new Set();
    this.requestId = 1000;
    this.api = new IBApi({ host, port: Number(port), clientId });
    for (const name of Object.values(EventName)) {
      if (name === "all" || name === "received" || name === "sent" || name === "result") continue;
      this.api.on(name, (...args) => {
        this.seen.push([name, args]);
        for (const check of [...this.waiting]) check();
      });
    }
  }

  async open() {
    this.api.connect();
    [this.orderId] = await this.wait("nextValidId");
    return this;
  }

  close() {
    this.api.disconnect();
  }

  newId() {
    return ++this.requestId;
  }

  newOrderId() {
    return this.orderId++;
  }

  all(name) {
    return this.seen.filter(([seen]) => seen === name).map(([, args]) => args);
  }

  wait(name, match = () => true, count = 1) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.all(name).filter((args) => match(...args));
        if (found.length < count) return false;
        this.waiting.delete(check);
        clearTimeout(timer);
        resolve(found[count - 1]);
        return true;
      };
      const timer = setTimeout(() => {
        this.waiting.delete(check);
        reject(new Error(`no ${name}; last were ${JSON.stringify(this.seen.slice(-5)).slice(0, 800)}`));
      }, TIMEOUT);
      if (!check()) this.waiting.add(check);
    });
  }

  error(id, code) {
    return this.wait("error", (_, c, i) => c === code && i === id);
  }

  status(id, status) {
    return this.wait("orderStatus", (i, s) => i === id && s === status);
  }
}

const stock = (symbol = "AAPL", exchange = "SMART") => ({ symbol, secType: "STK", exchange, currency: "USD" });
const order = (more = {}) => ({ action: "BUY", totalQuantity: 10, orderType: "MKT", transmit: true, ...more });
const limit = (price, more = {}) => order({ orderType: "LMT", lmtPrice: price, ...more });

const SCENARIOS = {
  async connect(c) {
    assert((await c.wait("managedAccounts"))[0].startsWith("DU"));
    c.api.reqCurrentTime();
    const [now] = await c.wait("currentTime");
    assert(Math.abs(now - Date.now() / 1000) < 5);
    return `version ${c.api.serverVersion}`;
  },
  async details(c) {
    const contracts = [
      stock(),
      { symbol: "ES", secType: "FUT", exchange: "CME", currency: "USD" },
      { symbol: "EUR", secType: "CASH", exchange: "IDEALPRO", currency: "USD" },
      { symbol: "SPX", secType: "IND", exchange: "CBOE", currency: "USD" },
      { symbol: "BTC", secType: "CRYPTO", exchange: "PAXOS", currency: "USD" },
      { symbol: "XAUUSD", secType: "CMDTY", exchange: "SMART", currency: "USD" },
      { symbol: "IBUS500", secType: "CFD", exchange: "SMART", currency: "USD" },
    ];
    for (const contract of contracts) {
      const id = c.newId();
      c.api.reqContractDetails(id, contract);
      await c.wait("contractDetailsEnd", (i) => i === id);
      const found = c.all("contractDetails").filter(([i]) => i === id);
      assert(found.length > 0 && found[0][1].contract.symbol === contract.symbol, contract.symbol);
      assert(found[0][1].minTick > 0);
    }
    const bond = c.newId();
    c.api.reqContractDetails(bond, { symbol: "US-T", secType: "BOND", exchange: "SMART", currency: "USD" });
    const [, found] = await c.wait("bondContractDetails", (i) => i === bond);
    assert.equal(found.contract.conId, 267433416);
    const unknown = c.newId();
    c.api.reqContractDetails(unknown, stock("NOSUCH"));
    await c.error(unknown, 200);
    return `${contracts.length + 1} kinds`;
  },
  async chain(c) {
    const id = c.newId();
    c.api.reqSecDefOptParams(id, "AAPL", "", "STK", 265598);
    await c.wait("securityDefinitionOptionParameterEnd", (i) => i === id);
    const row = c.all("securityDefinitionOptionParameter")[0];
    assert(row[5].length >= 4 && row[6].length >= 10);
    return `${row[5].length} expirations, ${row[6].length} strikes`;
  },
  async level1(c) {
    const id = c.newId();
    c.api.reqMktData(id, stock(), "", false, false);
    await c.wait("marketDataType", (i) => i === id);
    await c.wait("tickReqParams", (i) => i === id);
    for (const kind of [1, 2, 4]) await c.wait("tickPrice", (i, t, p) => i === id && t === kind && p > 0);
    await c.wait("tickSize", (i, t, s) => i === id && t === 0 && s > 0);
    await c.wait("tickPrice", (i, t) => i === id && [1, 2, 4].includes(t), 8);
    c.api.cancelMktData(id);
    return `${c.all("tickPrice").length} prices`;
  },
  async snapshot(c) {
    const id = c.newId();
    c.api.reqMktData(id, stock("MSFT"), "", true, false);
    await c.wait("tickSnapshotEnd", (i) => i === id);
    return "ended";
  },
  async tick_by_tick(c) {
    const names = {
      Last: "tickByTickAllLast",
      AllLast: "tickByTickAllLast",
      BidAsk: "tickByTickBidAsk",
      MidPoint: "tickByTickMidPoint",
    };
    for (const [kind, callback] of Object.entries(names)) {
      const id = c.newId();
      c.api.reqTickByTickData(id, stock(), kind, 0, false);
      await c.wait(callback, (i) => i === id, 2);
      c.api.cancelTickByTickData(id);
    }
    return "4 kinds";
  },
  async depth(c) {
    let id = c.newId();
    c.api.reqMktDepth(id, stock("AAPL", "ISLAND"), 5, false);
    await c.wait("updateMktDepth", (i) => i === id, 10);
    c.api.cancelMktDepth(id, false);
    id = c.newId();
    c.api.reqMktDepth(id, stock(), 5, true);
    await c.wait("updateMktDepthL2", (i) => i === id, 10);
    c.api.cancelMktDepth(id, true);
    return "plain and smart";
  },
  async history(c) {
    const id = c.newId();
    c.api.reqHistoricalData(id, stock(), "", "1 D", "5 mins", "TRADES", 1, 1, false);
    await c.wait("historicalData", (i, time) => i === id && String(time).startsWith("finished"));
    const bars = c.all("historicalData").filter(([i, time]) => i === id && !String(time).startsWith("finished"));
    assert(bars.length > 20);
    assert(bars.every(([, , open, high, low]) => low <= open && open <= high));
    const head = c.newId();
    c.api.reqHeadTimestamp(head, stock(), "TRADES", true, 1);
    await c.wait("headTimestamp", (i) => i === head);
    return `${bars.length} bars`;
  },
  async market_order(c) {
    const id = c.newOrderId();
    c.api.placeOrder(id, stock(), order());
    await c.status(id, "Filled");
    await c.wait("execDetails", (_, __, e) => e.orderId === id);
    await c.wait("commissionReport");
    return "filled with commission";
  },
  async limit_order(c) {
    const id = c.newOrderId();
    c.api.placeOrder(id, stock("MSFT"), limit(10000, { totalQuantity: 5, tif: "GTC" }));
    const [, , filled, , average] = await c.status(id, "Filled");
    assert(filled === 5 && average > 0 && average < 10000);
    return `at ${average}`;
  },
  async rest_and_cancel(c) {
    const id = c.newOrderId();
    c.api.placeOrder(id, stock(), limit(1));
    await c.status(id, "Submitted");
    c.api.cancelOrder(id);
    await c.status(id, "Cancelled");
    await c.error(id, 202);
    c.api.cancelOrder(id);
    await c.error(id, 10148);
    return "202, then 10148";
  },
  async modify(c) {
    const id = c.newOrderId();
    c.api.placeOrder(id, stock(), limit(1));
    const first = await c.status(id, "Submitted");
    c.api.placeOrder(id, stock(), limit(2));
    await c.wait("openOrder", (i, _, o) => i === id && o.lmtPrice === 2);
    const last = c.all("orderStatus").filter(([i]) => i === id).at(-1);
    assert.equal(first[5], last[5]);
    c.api.cancelOrder(id);
    await c.status(id, "Cancelled");
    return "permId kept";
  },
  async bracket(c) {
    const [parent, take, stop] = [c.newOrderId(), c.newOrderId(), c.newOrderId()];
    c.api.placeOrder(parent, stock(), limit(1, { transmit: false }));
    c.api.placeOrder(take, stock(), limit(900, { action: "SELL", parentId: parent, transmit: false }));
    const last = { action: "SELL", orderType: "STP", auxPrice: 0.5, parentId: parent };
    c.api.placeOrder(stop, stock(), order(last));
    await c.status(parent, "Submitted");
    const held = await c.status(stop, "PreSubmitted");
    assert.equal(held[9], "child,trigger");
    c.api.cancelOrder(parent);
    for (const id of [parent, take, stop]) await c.status(id, "Cancelled");
    return "children cancelled with the parent";
  },
  async oca(c) {
    const group = { ocaGroup: `group${Date.now()}`, ocaType: 1 };
    const [first, second] = [c.newOrderId(), c.newOrderId()];
    c.api.placeOrder(first, stock(), limit(1, group));
    c.api.placeOrder(second, stock("KO"), limit(500, group));
    await c.status(second, "Filled");
    await c.status(first, "Cancelled");
    return "one filled, the other cancelled";
  },
  async reject(c) {
    let id = c.newOrderId();
    c.api.placeOrder(id, stock(), order({ orderType: "FEELINGS" }));
    await c.error(id, 321);
    id = c.newOrderId();
    c.api.placeOrder(id, stock("NOSUCH"), order());
    await c.error(id, 200);
    c.api.cancelOrder(987654);
    await c.error(987654, 10147);
    return "321, 200, 10147";
  },
  async what_if(c) {
    const id = c.newOrderId();
    c.api.placeOrder(id, stock(), order({ totalQuantity: 100, whatIf: true }));
    const [, , , state] = await c.wait("openOrder", (i) => i === id);
    assert(Number(state.initMarginChange) > 0);
    assert(!c.all("orderStatus").some(([i]) => i === id));
    return `margin ${state.initMarginChange}`;
  },
  async combo(c) {
    const leg = (conId, action) => ({ conId, ratio: 1, action, exchange: "SMART" });
    const comboLegs = [leg(265598, "BUY"), leg(272093, "SELL")];
    const bag = { symbol: "AAPL", secType: "BAG", exchange: "SMART", currency: "USD", comboLegs };
    const id = c.newOrderId();
    c.api.placeOrder(id, bag, order({ totalQuantity: 1 }));
    await c.status(id, "Filled");
    await c.wait("execDetails", (_, contract, e) => e.orderId === id && contract.secType === "STK", 2);
    return "a fill for the combo and one for each leg";
  },
  async executions(c) {
    const id = c.newId();
    c.api.reqExecutions(id, {});
    await c.wait("execDetailsEnd", (i) => i === id);
    const found = c.all("execDetails").filter(([i]) => i === id);
    assert(found.length > 0 && new Set(found.map(([, , e]) => e.execId)).size === found.length);
    return `${found.length} executions`;
  },
  async completed(c) {
    c.api.reqCompletedOrders(false);
    await c.wait("completedOrdersEnd");
    const states = new Set(c.all("completedOrder").map(([, , state]) => state.status));
    assert(states.has("Filled") && states.has("Cancelled"), [...states].join());
    return `${c.all("completedOrder").length} orders`;
  },
  async account(c) {
    const id = c.newId();
    c.api.reqAccountSummary(id, "All", "NetLiquidation,TotalCashValue,BuyingPower");
    await c.wait("accountSummaryEnd", (i) => i === id);
    assert.deepEqual(c.all("accountSummary").map(([, , tag]) => tag), [
      "BuyingPower",
      "NetLiquidation",
      "TotalCashValue",
    ]);
    c.api.reqPositions();
    await c.wait("positionEnd");
    c.api.reqAccountUpdates(true, "");
    await c.wait("accountDownloadEnd");
    assert(c.all("position").length > 0 && c.all("updatePortfolio").length > 0);
    return `${c.all("position").length} positions`;
  },
  async open_order_survives(c) {
    const id = c.newOrderId();
    c.api.placeOrder(id, stock(), limit(1.5, { tif: "GTC" }));
    await c.status(id, "Submitted");
    c.close();
    await c.wait("disconnected");
    const again = await new Client(c.clientId).open();
    await again.status(id, "Submitted");
    await again.wait("openOrderEnd");
    assert.equal(again.orderId, id + 1);
    again.api.cancelOrder(id);
    await again.status(id, "Cancelled");
    again.close();
    return "open on the next connection";
  },
};

async function main() {
  const names = wanted.length ? wanted : Object.keys(SCENARIOS);
  for (const [nth, scenario] of names.entries()) {
    const client = new Client(100 + nth);
    let result;
    try {
      await client.open();
      result = { scenario, ok: true, detail: await SCENARIOS[scenario](client) };
    } catch (error) {
      result = { scenario, ok: false, detail: String(error.message || error).slice(0, 2000) };
    }
    client.close();
    console.log(JSON.stringify(result));
  }
  process.exit(0);
}

main();
