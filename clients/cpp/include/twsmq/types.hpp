// Written by `make vectors` from the protocol's own definitions: change those, not this file.
// Names are those of the wire (a trailing _ where C++ has a word of its own); protocol/SPEC.md is the authority.
// Times are integer nanoseconds since the epoch, UTC. Nil is an empty optional. Enums are texts: expect others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "value.hpp"

namespace twsmq {

/** The header of every event. */
struct Header {
  std::int64_t v = 1;
  std::string src;
  /** The process's incarnation (ns): another value means that it restarted. */
  std::int64_t inc = 0;
  /** Counts the events of this topic in this incarnation, from 1. */
  std::int64_t seq = 0;
  std::int64_t ts = 0;

  bool read(const Value& from) {
    return get(from, "v", v) && get(from, "src", src) && get(from, "inc", inc) && get(from, "seq", seq) &&
           get(from, "ts", ts);
  }
};

/**
 * The instrument's state after a burst of ticks; nil where the gateway has not said anything yet.
 *
 * `snapshot` is true when nothing changed and the message is for those who just joined.
 */
struct Quote : Header {
  static constexpr const char* TYPE = "quote";

  std::optional<std::int64_t> con_id;
  std::optional<double> bid;
  std::optional<double> ask;
  std::optional<double> last;
  std::optional<double> bid_size;
  std::optional<double> ask_size;
  std::optional<double> last_size;
  std::optional<double> volume;
  std::optional<double> open;
  std::optional<double> high;
  std::optional<double> low;
  std::optional<double> close;
  std::optional<std::int64_t> last_time;
  std::optional<bool> halted;
  std::optional<bool> delayed;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "bid", bid) && get(value, "ask", ask) && get(value, "last", last) && get(value, "bid_size", bid_size) && get(value, "ask_size", ask_size) && get(value, "last_size", last_size) && get(value, "volume", volume) && get(value, "open", open) && get(value, "high", high) && get(value, "low", low) && get(value, "close", close) && get(value, "last_time", last_time) && get(value, "halted", halted) && get(value, "delayed", delayed) && get(value, "snapshot", snapshot);
  }
};

/**
 * Every tick the gateway sent, in its order: all that came in one read.
 */
struct Ticks : Header {
  static constexpr const char* TYPE = "ticks";

  std::optional<std::int64_t> con_id;
  std::vector<Value> ticks;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "ticks", ticks) && get(value, "snapshot", snapshot);
  }
};

/**
 * One trade. `time`: ns, to the second.
 */
struct Trade : Header {
  static constexpr const char* TYPE = "trade";

  std::optional<std::int64_t> con_id;
  std::int64_t time = 0;
  std::optional<double> price;
  std::optional<double> size;
  std::optional<std::string> exchange;
  std::optional<std::string> conditions;
  std::optional<bool> past_limit;
  std::optional<bool> unreported;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "time", time) && get(value, "price", price) && get(value, "size", size) && get(value, "exchange", exchange) && get(value, "conditions", conditions) && get(value, "past_limit", past_limit) && get(value, "unreported", unreported) && get(value, "snapshot", snapshot);
  }
};

/**
 * The best bid and offer after one change. `time`: ns, to the second.
 */
struct BestBidOffer : Header {
  static constexpr const char* TYPE = "bbo";

  std::optional<std::int64_t> con_id;
  std::int64_t time = 0;
  std::optional<double> bid;
  std::optional<double> ask;
  std::optional<double> bid_size;
  std::optional<double> ask_size;
  std::optional<bool> bid_past_low;
  std::optional<bool> ask_past_high;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "time", time) && get(value, "bid", bid) && get(value, "ask", ask) && get(value, "bid_size", bid_size) && get(value, "ask_size", ask_size) && get(value, "bid_past_low", bid_past_low) && get(value, "ask_past_high", ask_past_high) && get(value, "snapshot", snapshot);
  }
};

/**
 * The mid-point after one change. `time`: ns, to the second.
 */
struct Midpoint : Header {
  static constexpr const char* TYPE = "midpoint";

  std::optional<std::int64_t> con_id;
  std::int64_t time = 0;
  std::optional<double> price;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "time", time) && get(value, "price", price) && get(value, "snapshot", snapshot);
  }
};

/**
 * The whole order book, best rows first: it replaces whatever a client has kept.
 */
struct Depth : Header {
  static constexpr const char* TYPE = "depth";

  std::optional<std::int64_t> con_id;
  std::vector<Value> bids;
  std::vector<Value> asks;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "bids", bids) && get(value, "asks", asks) && get(value, "snapshot", snapshot);
  }
};

/**
 * What changed in the book, in order: all that came in one read.
 */
struct DepthDelta : Header {
  static constexpr const char* TYPE = "depth_delta";

  std::optional<std::int64_t> con_id;
  std::vector<Value> changes;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "changes", changes);
  }
};

/**
 * A bar, or its present state while it is still being formed (`final` false). Fields as in `BarRow`.
 */
struct Bar : Header {
  static constexpr const char* TYPE = "bar";

  std::optional<std::int64_t> con_id;
  std::int64_t time = 0;
  std::optional<double> open;
  std::optional<double> high;
  std::optional<double> low;
  std::optional<double> close;
  std::optional<double> volume;
  std::optional<double> wap;
  std::optional<std::int64_t> count;
  std::optional<bool> final;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "time", time) && get(value, "open", open) && get(value, "high", high) && get(value, "low", low) && get(value, "close", close) && get(value, "volume", volume) && get(value, "wap", wap) && get(value, "count", count) && get(value, "final", final) && get(value, "snapshot", snapshot);
  }
};

/**
 * `time`: ns at which the bar begins; for a bar of a day or longer, midnight UTC of its date.
 */
struct BarRow {
  std::int64_t time = 0;
  std::optional<double> open;
  std::optional<double> high;
  std::optional<double> low;
  std::optional<double> close;
  std::optional<double> volume;
  std::optional<double> wap;
  std::optional<std::int64_t> count;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "time", time) && get(value, "open", open) && get(value, "high", high) && get(value, "low", low) && get(value, "close", close) && get(value, "volume", volume) && get(value, "wap", wap) && get(value, "count", count);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "time", time);
    put(map, "open", open);
    put(map, "high", high);
    put(map, "low", low);
    put(map, "close", close);
    put(map, "volume", volume);
    put(map, "wap", wap);
    put(map, "count", count);
    return map;
  }
};

/**
 * The bars up to now, oldest first: they replace whatever a client has kept.
 */
struct Bars : Header {
  static constexpr const char* TYPE = "bars";

  std::optional<std::int64_t> con_id;
  std::vector<BarRow> bars;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "bars", bars) && get(value, "snapshot", snapshot);
  }
};

/**
 * What an option is worth, computed from one price: `basis` bid, ask, last or model.
 */
struct Greeks : Header {
  static constexpr const char* TYPE = "greeks";

  std::optional<std::int64_t> con_id;
  std::string basis;
  std::optional<double> implied_vol;
  std::optional<double> delta;
  std::optional<double> price;
  std::optional<double> pv_dividend;
  std::optional<double> gamma;
  std::optional<double> vega;
  std::optional<double> theta;
  std::optional<double> underlying;
  std::optional<bool> delayed;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "con_id", con_id) && get(value, "basis", basis) && get(value, "implied_vol", implied_vol) && get(value, "delta", delta) && get(value, "price", price) && get(value, "pv_dividend", pv_dividend) && get(value, "gamma", gamma) && get(value, "vega", vega) && get(value, "theta", theta) && get(value, "underlying", underlying) && get(value, "delayed", delayed) && get(value, "snapshot", snapshot);
  }
};

/**
 * A headline as it came out. `time`: ns; `extra`: the provider's own notes, as sent.
 */
struct Headline : Header {
  static constexpr const char* TYPE = "headline";

  std::string provider;
  std::string article_id;
  std::string headline;
  std::int64_t time = 0;
  std::optional<std::string> extra;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "provider", provider) && get(value, "article_id", article_id) && get(value, "headline", headline) && get(value, "time", time) && get(value, "extra", extra) && get(value, "snapshot", snapshot);
  }
};

/**
 * The life of a stream, told on the stream's own topic. Never silence.
 *
 * starting: a line was asked for. active: data flows. delayed/frozen: data of that kind flows.
 * gap: data may be missing `from` … `to` (ns, `to` nil while it lasts). resumed: data flows again.
 * error: the gateway or this node refused it, `code` is the gateway's number (or nil) and `text` says why.
 * closed: the line was given back, nobody is left.
 * A repeat of the present state (`repeated`) goes out on quiet topics so that a lost last message shows.
 */
struct Stream : Header {
  static constexpr const char* TYPE = "stream";

  std::string state;
  std::optional<std::int64_t> code;
  std::optional<std::string> text;
  std::optional<std::string> reason;
  std::optional<std::int64_t> from_;
  std::optional<std::int64_t> to;
  std::optional<std::int64_t> con_id;
  std::optional<bool> repeated;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "state", state) && get(value, "code", code) && get(value, "text", text) && get(value, "reason", reason) && get(value, "from", from_) && get(value, "to", to) && get(value, "con_id", con_id) && get(value, "repeated", repeated);
  }
};

/**
 * The order as it now stands. `reason` and `tws_code` tell why it came to this `status`.
 *
 * `gateway_status` is the gateway's own word ("PreSubmitted"), nil before it said any.
 */
struct Order : Header {
  static constexpr const char* TYPE = "order";

  std::string client_order_id;
  std::string strategy;
  std::optional<std::int64_t> event_no;
  std::optional<std::int64_t> strategy_no;
  std::string instrument;
  std::string side;
  double quantity = 0;
  std::string order_type;
  std::string status;
  std::optional<std::int64_t> order_id;
  std::optional<std::int64_t> perm_id;
  std::optional<std::string> account;
  std::optional<double> limit_price;
  std::optional<double> stop_price;
  std::optional<std::string> tif;
  std::optional<double> filled;
  std::optional<double> remaining;
  std::optional<double> avg_price;
  std::optional<std::string> reason;
  std::optional<std::int64_t> tws_code;
  std::optional<std::string> gateway_status;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "client_order_id", client_order_id) && get(value, "strategy", strategy) && get(value, "event_no", event_no) && get(value, "strategy_no", strategy_no) && get(value, "instrument", instrument) && get(value, "side", side) && get(value, "quantity", quantity) && get(value, "order_type", order_type) && get(value, "status", status) && get(value, "order_id", order_id) && get(value, "perm_id", perm_id) && get(value, "account", account) && get(value, "limit_price", limit_price) && get(value, "stop_price", stop_price) && get(value, "tif", tif) && get(value, "filled", filled) && get(value, "remaining", remaining) && get(value, "avg_price", avg_price) && get(value, "reason", reason) && get(value, "tws_code", tws_code) && get(value, "gateway_status", gateway_status) && get(value, "snapshot", snapshot);
  }
};

/**
 * One execution, once. `corrects` names the exec_id this one replaces; `recovered`: learnt of afterwards.
 *
 * `time` is the execution's own (ns), nil if the gateway's text could not be read. `leg`: of one leg of a
 * combo order, whose own executions are what its `filled` counts.
 */
struct Fill : Header {
  static constexpr const char* TYPE = "fill";

  std::string client_order_id;
  std::string strategy;
  std::optional<std::int64_t> event_no;
  std::optional<std::int64_t> strategy_no;
  std::string exec_id;
  std::string account;
  std::string side;
  double quantity = 0;
  double price = 0;
  std::optional<std::int64_t> time;
  std::optional<std::string> corrects;
  std::optional<bool> recovered;
  std::optional<std::int64_t> con_id;
  std::optional<bool> leg;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "client_order_id", client_order_id) && get(value, "strategy", strategy) && get(value, "event_no", event_no) && get(value, "strategy_no", strategy_no) && get(value, "exec_id", exec_id) && get(value, "account", account) && get(value, "side", side) && get(value, "quantity", quantity) && get(value, "price", price) && get(value, "time", time) && get(value, "corrects", corrects) && get(value, "recovered", recovered) && get(value, "con_id", con_id) && get(value, "leg", leg);
  }
};

/**
 * What an execution cost. `realized_pnl` is nil for opening trades.
 */
struct Commission : Header {
  static constexpr const char* TYPE = "commission";

  std::string client_order_id;
  std::string strategy;
  std::optional<std::int64_t> event_no;
  std::optional<std::int64_t> strategy_no;
  std::string exec_id;
  double commission = 0;
  std::string currency;
  std::optional<double> realized_pnl;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "client_order_id", client_order_id) && get(value, "strategy", strategy) && get(value, "event_no", event_no) && get(value, "strategy_no", strategy_no) && get(value, "exec_id", exec_id) && get(value, "commission", commission) && get(value, "currency", currency) && get(value, "realized_pnl", realized_pnl);
  }
};

/**
 * Something the gateway said about an order that does not change its state (399, 2109, 10349 …).
 */
struct Notice : Header {
  static constexpr const char* TYPE = "notice";

  std::string client_order_id;
  std::string strategy;
  std::optional<std::int64_t> event_no;
  std::optional<std::int64_t> strategy_no;
  std::int64_t tws_code = 0;
  std::string text;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "client_order_id", client_order_id) && get(value, "strategy", strategy) && get(value, "event_no", event_no) && get(value, "strategy_no", strategy_no) && get(value, "tws_code", tws_code) && get(value, "text", text);
  }
};

/**
 * Every half second from every node on `node/<name>/`. `detail` says what it waits for, nil when ready.
 *
 * `last_event_no` and `strategy_nos` come from the orders node only: the newest numbers it has given out, so
 * that a subscriber sees that it lost the last order event. `silent_lines` comes from market-data shards
 * only: lines of which nothing comes though others tick and they were asked for again.
 */
struct Heartbeat : Header {
  static constexpr const char* TYPE = "heartbeat";

  std::string name;
  std::int64_t pid = 0;
  std::string state;
  std::optional<std::int64_t> client_id;
  std::optional<double> uptime_s;
  std::optional<std::string> detail;
  std::optional<std::int64_t> last_event_no;
  std::optional<Map<std::int64_t>> strategy_nos;
  std::optional<std::int64_t> silent_lines;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "name", name) && get(value, "pid", pid) && get(value, "state", state) && get(value, "client_id", client_id) && get(value, "uptime_s", uptime_s) && get(value, "detail", detail) && get(value, "last_event_no", last_event_no) && get(value, "strategy_nos", strategy_nos) && get(value, "silent_lines", silent_lines);
  }
};

/**
 * From the supervisor on `process/<name>/`, whenever something changes and once to each newcomer.
 */
struct Process : Header {
  static constexpr const char* TYPE = "process";

  std::string name;
  std::string state;
  std::optional<std::int64_t> pid;
  std::optional<std::int64_t> client_id;
  std::optional<std::int64_t> restarts;
  std::optional<double> uptime_s;
  std::optional<std::string> reason;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "name", name) && get(value, "state", state) && get(value, "pid", pid) && get(value, "client_id", client_id) && get(value, "restarts", restarts) && get(value, "uptime_s", uptime_s) && get(value, "reason", reason) && get(value, "snapshot", snapshot);
  }
};

/**
 * The link to the gateway as the connection node sees it, on `gateway/`.
 *
 * `upstream` tells whether the gateway itself reaches the broker (1100/1101/1102/2110); `farms` maps each
 * data farm to ok, broken, inactive or connecting.
 */
struct Gateway : Header {
  static constexpr const char* TYPE = "gateway";

  std::string state;
  std::string host;
  std::int64_t port = 0;
  std::optional<std::int64_t> server_version;
  std::optional<std::vector<std::string>> accounts;
  std::optional<std::string> upstream;
  std::optional<Map<std::string>> farms;
  std::optional<std::string> reason;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "state", state) && get(value, "host", host) && get(value, "port", port) && get(value, "server_version", server_version) && get(value, "accounts", accounts) && get(value, "upstream", upstream) && get(value, "farms", farms) && get(value, "reason", reason) && get(value, "snapshot", snapshot);
  }
};

/**
 * A position, keyed by conId: the gateway's row may name another exchange than the order did.
 */
struct Position : Header {
  static constexpr const char* TYPE = "position";

  std::string account;
  std::string instrument;
  std::int64_t con_id = 0;
  double quantity = 0;
  std::optional<double> avg_cost;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "account", account) && get(value, "instrument", instrument) && get(value, "con_id", con_id) && get(value, "quantity", quantity) && get(value, "avg_cost", avg_cost) && get(value, "snapshot", snapshot);
  }
};

/**
 * One row of the account summary: `value` is the gateway's text, `currency` nil where it has none.
 */
struct AccountValue : Header {
  static constexpr const char* TYPE = "account_value";

  std::string account;
  std::string tag;
  std::string value;
  std::optional<std::string> currency;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "account", account) && get(value, "tag", tag) && get(value, "value", value) && get(value, "currency", currency) && get(value, "snapshot", snapshot);
  }
};

/**
 * Profit and loss of an account, or of one position of it (`instrument`, `con_id`), in the account's own
 * currency: of the day, of what is held, of what was closed today. `value`: the position's market value.
 */
struct ProfitAndLoss : Header {
  static constexpr const char* TYPE = "pnl";

  std::string account;
  std::optional<std::string> instrument;
  std::optional<std::int64_t> con_id;
  std::optional<double> daily;
  std::optional<double> unrealized;
  std::optional<double> realized;
  std::optional<double> value;
  std::optional<bool> snapshot;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return Header::read(value) && get(value, "account", account) && get(value, "instrument", instrument) && get(value, "con_id", con_id) && get(value, "daily", daily) && get(value, "unrealized", unrealized) && get(value, "realized", realized) && get(value, "value", value) && get(value, "snapshot", snapshot);
  }
};

/**
 * For ops that take no arguments.
 */
struct NoArgs {

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return value.is_map();
  }

  Value value() const {
    return Value::map();
  }
};

/**
 * `restart` (supervisor): end this process in order and start it again.
 */
struct RestartProcess {
  std::string name;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "name", name);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "name", name);
    return map;
  }
};

/**
 * `contract_details` (reference): every contract that matches.
 */
struct ContractDetails {
  std::string instrument;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "instrument", instrument);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "instrument", instrument);
    return map;
  }
};

/**
 * One of IBKR's algos: `Adaptive` with `{"adaptivePriority": "Normal"}`, `Twap`, `Vwap` …
 */
struct Algo {
  std::string strategy;
  std::optional<Map<std::string>> params;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "params", params);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "params", params);
    return map;
  }
};

/**
 * The order works once its conditions hold. `join` ties it to the next one.
 *
 * price: `value` of `con_id` at `exchange`; volume, percent_change: likewise; margin: `value` percent;
 * time: `text` as the gateway writes times; execution: a trade in `symbol`, `sec_type`, `exchange`.
 * `more`: the value must be reached from below, else from above.
 */
struct Condition {
  std::string kind;
  std::optional<std::string> join;
  std::optional<bool> more;
  std::optional<double> value;
  std::optional<std::string> text;
  std::optional<std::int64_t> con_id;
  std::optional<std::string> exchange;
  std::optional<std::string> symbol;
  std::optional<std::string> sec_type;
  std::optional<std::int64_t> trigger_method;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "kind", kind) && get(value, "join", join) && get(value, "more", more) && get(value, "value", value) && get(value, "text", text) && get(value, "con_id", con_id) && get(value, "exchange", exchange) && get(value, "symbol", symbol) && get(value, "sec_type", sec_type) && get(value, "trigger_method", trigger_method);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "kind", kind);
    put(map, "join", join);
    put(map, "more", more);
    put(map, "value", value);
    put(map, "text", text);
    put(map, "con_id", con_id);
    put(map, "exchange", exchange);
    put(map, "symbol", symbol);
    put(map, "sec_type", sec_type);
    put(map, "trigger_method", trigger_method);
    return map;
  }
};

/**
 * `place_order`: one order. The same request again returns the first answer and places nothing.
 *
 * `extra`: further attributes of an order under `ibapi`'s own names, checked against the installed release.
 */
struct PlaceOrder {
  std::string strategy;
  std::string client_order_id;
  std::string instrument;
  std::string side;
  double quantity = 0;
  std::string order_type;
  std::optional<double> limit_price;
  std::optional<double> stop_price;
  std::optional<std::string> tif;
  std::optional<std::string> account;
  std::optional<bool> outside_rth;
  std::optional<double> trail_amount;
  std::optional<double> trail_percent;
  std::optional<double> trail_stop_price;
  std::optional<double> limit_offset;
  std::optional<double> offset;
  std::optional<double> cash_quantity;
  std::optional<std::string> good_till;
  std::optional<std::string> good_after;
  std::optional<std::int64_t> display_size;
  std::optional<std::int64_t> min_quantity;
  std::optional<bool> all_or_none;
  std::optional<bool> hidden;
  std::optional<std::string> oca_group;
  std::optional<std::int64_t> oca_type;
  std::optional<Algo> algo;
  std::optional<std::vector<Condition>> conditions;
  std::optional<bool> conditions_cancel;
  std::optional<bool> conditions_ignore_rth;
  std::optional<std::vector<double>> leg_prices;
  std::optional<Map<std::string>> routing;
  std::optional<Map<Value>> extra;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "instrument", instrument) && get(value, "side", side) && get(value, "quantity", quantity) && get(value, "order_type", order_type) && get(value, "limit_price", limit_price) && get(value, "stop_price", stop_price) && get(value, "tif", tif) && get(value, "account", account) && get(value, "outside_rth", outside_rth) && get(value, "trail_amount", trail_amount) && get(value, "trail_percent", trail_percent) && get(value, "trail_stop_price", trail_stop_price) && get(value, "limit_offset", limit_offset) && get(value, "offset", offset) && get(value, "cash_quantity", cash_quantity) && get(value, "good_till", good_till) && get(value, "good_after", good_after) && get(value, "display_size", display_size) && get(value, "min_quantity", min_quantity) && get(value, "all_or_none", all_or_none) && get(value, "hidden", hidden) && get(value, "oca_group", oca_group) && get(value, "oca_type", oca_type) && get(value, "algo", algo) && get(value, "conditions", conditions) && get(value, "conditions_cancel", conditions_cancel) && get(value, "conditions_ignore_rth", conditions_ignore_rth) && get(value, "leg_prices", leg_prices) && get(value, "routing", routing) && get(value, "extra", extra);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "instrument", instrument);
    put(map, "side", side);
    put(map, "quantity", quantity);
    put(map, "order_type", order_type);
    put(map, "limit_price", limit_price);
    put(map, "stop_price", stop_price);
    put(map, "tif", tif);
    put(map, "account", account);
    put(map, "outside_rth", outside_rth);
    put(map, "trail_amount", trail_amount);
    put(map, "trail_percent", trail_percent);
    put(map, "trail_stop_price", trail_stop_price);
    put(map, "limit_offset", limit_offset);
    put(map, "offset", offset);
    put(map, "cash_quantity", cash_quantity);
    put(map, "good_till", good_till);
    put(map, "good_after", good_after);
    put(map, "display_size", display_size);
    put(map, "min_quantity", min_quantity);
    put(map, "all_or_none", all_or_none);
    put(map, "hidden", hidden);
    put(map, "oca_group", oca_group);
    put(map, "oca_type", oca_type);
    put(map, "algo", algo);
    put(map, "conditions", conditions);
    put(map, "conditions_cancel", conditions_cancel);
    put(map, "conditions_ignore_rth", conditions_ignore_rth);
    put(map, "leg_prices", leg_prices);
    put(map, "routing", routing);
    put(map, "extra", extra);
    return map;
  }
};

/**
 * `modify_order`: change what is given, keep the rest.
 */
struct ModifyOrder {
  std::string strategy;
  std::string client_order_id;
  std::optional<double> quantity;
  std::optional<double> limit_price;
  std::optional<double> stop_price;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "quantity", quantity) && get(value, "limit_price", limit_price) && get(value, "stop_price", stop_price);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "quantity", quantity);
    put(map, "limit_price", limit_price);
    put(map, "stop_price", stop_price);
    return map;
  }
};

/**
 * `cancel_order`.
 */
struct CancelOrder {
  std::string strategy;
  std::string client_order_id;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    return map;
  }
};

/**
 * `get_orders`: all orders, finished ones too, oldest first; each argument narrows. `since`: ns, only
 * those of which something was told then or later.
 */
struct GetOrders {
  std::optional<std::string> strategy;
  std::optional<std::string> client_order_id;
  std::optional<bool> active;
  std::optional<std::int64_t> since;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "active", active) && get(value, "since", since);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "active", active);
    put(map, "since", since);
    return map;
  }
};

/**
 * `place_orders`: all of them or none. `link` says what ties them at the gateway.
 *
 * bracket: the first is the parent; the others work once it is filled and die with it. oca: a fill of one
 * cancels or reduces the rest (`oca_type`: 1 cancel, 2 reduce, 3 reduce without block). none: nothing.
 */
struct PlaceOrders {
  std::vector<PlaceOrder> orders;
  std::optional<std::string> link;
  std::optional<std::int64_t> oca_type;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "orders", orders) && get(value, "link", link) && get(value, "oca_type", oca_type);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "orders", orders);
    put(map, "link", link);
    put(map, "oca_type", oca_type);
    return map;
  }
};

/**
 * `cancel_orders`: all working orders that match everything given; `all` when nothing narrows.
 */
struct CancelOrders {
  std::optional<std::string> strategy;
  std::optional<std::string> account;
  std::optional<std::string> instrument;
  std::optional<bool> all;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "account", account) && get(value, "instrument", instrument) && get(value, "all", all);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "account", account);
    put(map, "instrument", instrument);
    put(map, "all", all);
    return map;
  }
};

/**
 * `preview_order`: what an order would cost and bind; nothing is placed and the id stays free.
 */
struct PreviewOrder {
  std::string strategy;
  std::string client_order_id;
  std::string instrument;
  std::string side;
  double quantity = 0;
  std::string order_type;
  std::optional<double> limit_price;
  std::optional<double> stop_price;
  std::optional<std::string> tif;
  std::optional<std::string> account;
  std::optional<bool> outside_rth;
  std::optional<double> trail_amount;
  std::optional<double> trail_percent;
  std::optional<double> trail_stop_price;
  std::optional<double> limit_offset;
  std::optional<double> offset;
  std::optional<double> cash_quantity;
  std::optional<std::string> good_till;
  std::optional<std::string> good_after;
  std::optional<std::int64_t> display_size;
  std::optional<std::int64_t> min_quantity;
  std::optional<bool> all_or_none;
  std::optional<bool> hidden;
  std::optional<std::string> oca_group;
  std::optional<std::int64_t> oca_type;
  std::optional<Algo> algo;
  std::optional<std::vector<Condition>> conditions;
  std::optional<bool> conditions_cancel;
  std::optional<bool> conditions_ignore_rth;
  std::optional<std::vector<double>> leg_prices;
  std::optional<Map<std::string>> routing;
  std::optional<Map<Value>> extra;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "instrument", instrument) && get(value, "side", side) && get(value, "quantity", quantity) && get(value, "order_type", order_type) && get(value, "limit_price", limit_price) && get(value, "stop_price", stop_price) && get(value, "tif", tif) && get(value, "account", account) && get(value, "outside_rth", outside_rth) && get(value, "trail_amount", trail_amount) && get(value, "trail_percent", trail_percent) && get(value, "trail_stop_price", trail_stop_price) && get(value, "limit_offset", limit_offset) && get(value, "offset", offset) && get(value, "cash_quantity", cash_quantity) && get(value, "good_till", good_till) && get(value, "good_after", good_after) && get(value, "display_size", display_size) && get(value, "min_quantity", min_quantity) && get(value, "all_or_none", all_or_none) && get(value, "hidden", hidden) && get(value, "oca_group", oca_group) && get(value, "oca_type", oca_type) && get(value, "algo", algo) && get(value, "conditions", conditions) && get(value, "conditions_cancel", conditions_cancel) && get(value, "conditions_ignore_rth", conditions_ignore_rth) && get(value, "leg_prices", leg_prices) && get(value, "routing", routing) && get(value, "extra", extra);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "instrument", instrument);
    put(map, "side", side);
    put(map, "quantity", quantity);
    put(map, "order_type", order_type);
    put(map, "limit_price", limit_price);
    put(map, "stop_price", stop_price);
    put(map, "tif", tif);
    put(map, "account", account);
    put(map, "outside_rth", outside_rth);
    put(map, "trail_amount", trail_amount);
    put(map, "trail_percent", trail_percent);
    put(map, "trail_stop_price", trail_stop_price);
    put(map, "limit_offset", limit_offset);
    put(map, "offset", offset);
    put(map, "cash_quantity", cash_quantity);
    put(map, "good_till", good_till);
    put(map, "good_after", good_after);
    put(map, "display_size", display_size);
    put(map, "min_quantity", min_quantity);
    put(map, "all_or_none", all_or_none);
    put(map, "hidden", hidden);
    put(map, "oca_group", oca_group);
    put(map, "oca_type", oca_type);
    put(map, "algo", algo);
    put(map, "conditions", conditions);
    put(map, "conditions_cancel", conditions_cancel);
    put(map, "conditions_ignore_rth", conditions_ignore_rth);
    put(map, "leg_prices", leg_prices);
    put(map, "routing", routing);
    put(map, "extra", extra);
    return map;
  }
};

/**
 * `get_executions`: executions as they stand after corrections, with what they cost; oldest first.
 */
struct GetExecutions {
  std::optional<std::string> strategy;
  std::optional<std::string> client_order_id;
  std::optional<std::string> account;
  std::optional<std::int64_t> since;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "account", account) && get(value, "since", since);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "account", account);
    put(map, "since", since);
    return map;
  }
};

/**
 * `replay_events`: order events again, as they were published, numbered above `after`.
 *
 * With `strategy` only its own, counted by `strategy_no`; else all, by `event_no`.
 */
struct ReplayEvents {
  std::int64_t after = 0;
  std::optional<std::string> strategy;
  std::optional<std::int64_t> limit;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "after", after) && get(value, "strategy", strategy) && get(value, "limit", limit);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "after", after);
    put(map, "strategy", strategy);
    put(map, "limit", limit);
    return map;
  }
};

/**
 * `halt`: no new orders of `strategy`, or of anybody; `cancel` also ends what works.
 */
struct Halt {
  std::string reason;
  std::optional<std::string> strategy;
  std::optional<bool> cancel;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "reason", reason) && get(value, "strategy", strategy) && get(value, "cancel", cancel);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "reason", reason);
    put(map, "strategy", strategy);
    put(map, "cancel", cancel);
    return map;
  }
};

/**
 * `resume`: takes back the halt of `strategy`, or the general one.
 */
struct Resume {
  std::optional<std::string> strategy;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    return map;
  }
};

/**
 * `max_order_notional`, `max_daily_loss`: in the instrument's or account's own currency.
 *
 * `price_collar`: how far a limit may be worse than the market, as a share of the price (0.05 is 5 %).
 * `duplicate_s`: two orders alike within so many seconds are one too many. `max_orders_per_side`: working
 * orders of one account, instrument and side (the broker's own rule is 20). `instruments`: spellings, or
 * beginnings ending in `*`. `trading_windows`: `HH:MM-HH:MM` in `time_zone`. `missing`: what a rule does
 * whose input is not there.
 */
struct RiskLimits {
  std::optional<double> max_order_quantity;
  std::optional<double> max_order_notional;
  std::optional<double> max_position;
  std::optional<double> price_collar;
  std::optional<std::int64_t> max_open_orders;
  std::optional<std::int64_t> max_orders_per_side;
  std::optional<std::int64_t> max_orders_per_second;
  std::optional<double> max_daily_loss;
  std::optional<double> duplicate_s;
  std::optional<std::vector<std::string>> instruments;
  std::optional<std::vector<std::string>> order_types;
  std::optional<std::vector<std::string>> trading_windows;
  std::optional<std::string> time_zone;
  std::optional<std::string> missing;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "max_order_quantity", max_order_quantity) && get(value, "max_order_notional", max_order_notional) && get(value, "max_position", max_position) && get(value, "price_collar", price_collar) && get(value, "max_open_orders", max_open_orders) && get(value, "max_orders_per_side", max_orders_per_side) && get(value, "max_orders_per_second", max_orders_per_second) && get(value, "max_daily_loss", max_daily_loss) && get(value, "duplicate_s", duplicate_s) && get(value, "instruments", instruments) && get(value, "order_types", order_types) && get(value, "trading_windows", trading_windows) && get(value, "time_zone", time_zone) && get(value, "missing", missing);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "max_order_quantity", max_order_quantity);
    put(map, "max_order_notional", max_order_notional);
    put(map, "max_position", max_position);
    put(map, "price_collar", price_collar);
    put(map, "max_open_orders", max_open_orders);
    put(map, "max_orders_per_side", max_orders_per_side);
    put(map, "max_orders_per_second", max_orders_per_second);
    put(map, "max_daily_loss", max_daily_loss);
    put(map, "duplicate_s", duplicate_s);
    put(map, "instruments", instruments);
    put(map, "order_types", order_types);
    put(map, "trading_windows", trading_windows);
    put(map, "time_zone", time_zone);
    put(map, "missing", missing);
    return map;
  }
};

/**
 * `set_risk`: the limits of a layer from now on, in place of those it had; `limits` empty: none.
 *
 * `scope` default has no `name`; strategy and account name theirs.
 */
struct SetRisk {
  std::string scope;
  RiskLimits limits;
  std::optional<std::string> name;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "scope", scope) && get(value, "limits", limits) && get(value, "name", name);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "scope", scope);
    put(map, "limits", limits);
    put(map, "name", name);
    return map;
  }
};

/**
 * `adopt_order`: take a foreign order over under a key of one's own.
 */
struct AdoptOrder {
  std::string strategy;
  std::string client_order_id;
  std::int64_t perm_id = 0;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "perm_id", perm_id);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "perm_id", perm_id);
    return map;
  }
};

/**
 * `resolve_order`: an operator knows what became of an `unknown` order.
 */
struct ResolveOrder {
  std::string strategy;
  std::string client_order_id;
  std::string status;
  std::string reason;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "status", status) && get(value, "reason", reason);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "status", status);
    put(map, "reason", reason);
    return map;
  }
};

/**
 * `snapshot`: one quote, once. `regulatory`: from all exchanges, at IBKR's fee for each.
 */
struct Snapshot {
  std::string instrument;
  std::optional<bool> regulatory;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "instrument", instrument) && get(value, "regulatory", regulatory);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "instrument", instrument);
    put(map, "regulatory", regulatory);
    return map;
  }
};

/**
 * `subscribe`: what subscribing to `topic` would give. It holds no line: subscribing itself does.
 */
struct Subscribe {
  std::string topic;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "topic", topic);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "topic", topic);
    return map;
  }
};

/**
 */
struct OpDescription {
  std::string op;
  std::string summary;
  Map<Value> args;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "op", op) && get(value, "summary", summary) && get(value, "args", args);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "op", op);
    put(map, "summary", summary);
    put(map, "args", args);
    return map;
  }
};

/**
 * Result of `describe`, which every process answers. `args` are JSON Schemas.
 */
struct Description {
  std::string name;
  std::string version;
  std::int64_t protocol = 0;
  std::int64_t incarnation = 0;
  std::vector<OpDescription> ops;
  std::vector<std::string> topics;
  std::string requests;
  std::string events;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "name", name) && get(value, "version", version) && get(value, "protocol", protocol) && get(value, "incarnation", incarnation) && get(value, "ops", ops) && get(value, "topics", topics) && get(value, "requests", requests) && get(value, "events", events);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "name", name);
    put(map, "version", version);
    put(map, "protocol", protocol);
    put(map, "incarnation", incarnation);
    put(map, "ops", ops);
    put(map, "topics", topics);
    put(map, "requests", requests);
    put(map, "events", events);
    return map;
  }
};

/**
 */
struct ProcessRow {
  std::string name;
  std::string state;
  std::optional<std::int64_t> pid;
  std::optional<std::int64_t> client_id;
  std::int64_t restarts = 0;
  double uptime_s = 0;
  std::optional<std::string> reason;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "name", name) && get(value, "state", state) && get(value, "pid", pid) && get(value, "client_id", client_id) && get(value, "restarts", restarts) && get(value, "uptime_s", uptime_s) && get(value, "reason", reason);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "name", name);
    put(map, "state", state);
    put(map, "pid", pid);
    put(map, "client_id", client_id);
    put(map, "restarts", restarts);
    put(map, "uptime_s", uptime_s);
    put(map, "reason", reason);
    return map;
  }
};

/**
 * Result of `status` (supervisor): a row per process, and the link as the connection node last told.
 */
struct ClusterStatus {
  std::vector<ProcessRow> processes;
  std::optional<Map<Value>> gateway;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "processes", processes) && get(value, "gateway", gateway);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "processes", processes);
    put(map, "gateway", gateway);
    return map;
  }
};

/**
 * Result of `restart`: it has been told to end. `process/<name>/` tells the rest.
 */
struct Restarting {
  std::string name;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "name", name);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "name", name);
    return map;
  }
};

/**
 * Result of `stop` (supervisor): everything is gone once `lock`, a file, is no longer locked (flock).
 */
struct Stopping {
  std::int64_t pid = 0;
  std::string lock;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "pid", pid) && get(value, "lock", lock);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "pid", pid);
    put(map, "lock", lock);
    return map;
  }
};

/**
 * One contract of the gateway's database; texts are the gateway's own, nil where it has none.
 *
 * `instrument` is the canonical spelling, the same in positions. `order_types` and `valid_exchanges` are
 * comma lists; hours are the gateway's text, in `time_zone_id`. Sizes are in units of the instrument.
 */
struct ContractRow {
  std::string instrument;
  std::int64_t con_id = 0;
  std::string sec_type;
  std::string symbol;
  std::optional<std::string> exchange;
  std::optional<std::string> primary_exchange;
  std::optional<std::string> currency;
  std::optional<std::string> local_symbol;
  std::optional<std::string> trading_class;
  std::optional<std::string> expiry;
  std::optional<std::string> right;
  std::optional<double> strike;
  std::optional<std::string> multiplier;
  std::optional<std::string> long_name;
  std::optional<double> min_tick;
  std::optional<double> min_size;
  std::optional<double> size_increment;
  std::optional<std::string> order_types;
  std::optional<std::string> valid_exchanges;
  std::optional<std::string> time_zone_id;
  std::optional<std::string> trading_hours;
  std::optional<std::string> liquid_hours;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "instrument", instrument) && get(value, "con_id", con_id) && get(value, "sec_type", sec_type) && get(value, "symbol", symbol) && get(value, "exchange", exchange) && get(value, "primary_exchange", primary_exchange) && get(value, "currency", currency) && get(value, "local_symbol", local_symbol) && get(value, "trading_class", trading_class) && get(value, "expiry", expiry) && get(value, "right", right) && get(value, "strike", strike) && get(value, "multiplier", multiplier) && get(value, "long_name", long_name) && get(value, "min_tick", min_tick) && get(value, "min_size", min_size) && get(value, "size_increment", size_increment) && get(value, "order_types", order_types) && get(value, "valid_exchanges", valid_exchanges) && get(value, "time_zone_id", time_zone_id) && get(value, "trading_hours", trading_hours) && get(value, "liquid_hours", liquid_hours);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "instrument", instrument);
    put(map, "con_id", con_id);
    put(map, "sec_type", sec_type);
    put(map, "symbol", symbol);
    put(map, "exchange", exchange);
    put(map, "primary_exchange", primary_exchange);
    put(map, "currency", currency);
    put(map, "local_symbol", local_symbol);
    put(map, "trading_class", trading_class);
    put(map, "expiry", expiry);
    put(map, "right", right);
    put(map, "strike", strike);
    put(map, "multiplier", multiplier);
    put(map, "long_name", long_name);
    put(map, "min_tick", min_tick);
    put(map, "min_size", min_size);
    put(map, "size_increment", size_increment);
    put(map, "order_types", order_types);
    put(map, "valid_exchanges", valid_exchanges);
    put(map, "time_zone_id", time_zone_id);
    put(map, "trading_hours", trading_hours);
    put(map, "liquid_hours", liquid_hours);
    return map;
  }
};

/**
 * Result of `contract_details`: empty never, an unknown contract is `gateway_rejected` with 200.
 */
struct ContractList {
  std::vector<ContractRow> contracts;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "contracts", contracts);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "contracts", contracts);
    return map;
  }
};

/**
 */
struct PositionRow {
  std::string account;
  std::string instrument;
  std::int64_t con_id = 0;
  double quantity = 0;
  std::optional<double> avg_cost;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "account", account) && get(value, "instrument", instrument) && get(value, "con_id", con_id) && get(value, "quantity", quantity) && get(value, "avg_cost", avg_cost);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "account", account);
    put(map, "instrument", instrument);
    put(map, "con_id", con_id);
    put(map, "quantity", quantity);
    put(map, "avg_cost", avg_cost);
    return map;
  }
};

/**
 * Result of `positions` (status).
 */
struct PositionList {
  std::vector<PositionRow> positions;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "positions", positions);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "positions", positions);
    return map;
  }
};

/**
 * A process as the status node hears it. `state` to `uptime_s` are from its last heartbeat, `heard_s`
 * seconds ago (nil: never); `silent` after two seconds without one, nil for a process that does not beat.
 * `supervised` and `restarts` are the supervisor's word, nil without a supervisor.
 */
struct HealthRow {
  std::string name;
  Value state;
  std::optional<std::string> detail;
  std::optional<std::int64_t> pid;
  std::optional<std::int64_t> client_id;
  std::optional<double> uptime_s;
  std::optional<double> heard_s;
  std::optional<std::string> supervised;
  std::optional<std::int64_t> restarts;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "name", name) && get(value, "state", state) && get(value, "detail", detail) && get(value, "pid", pid) && get(value, "client_id", client_id) && get(value, "uptime_s", uptime_s) && get(value, "heard_s", heard_s) && get(value, "supervised", supervised) && get(value, "restarts", restarts);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "name", name);
    put(map, "state", state);
    put(map, "detail", detail);
    put(map, "pid", pid);
    put(map, "client_id", client_id);
    put(map, "uptime_s", uptime_s);
    put(map, "heard_s", heard_s);
    put(map, "supervised", supervised);
    put(map, "restarts", restarts);
    return map;
  }
};

/**
 * Result of `health` (status). `ready`: every node of the configuration is heard and ready.
 */
struct Health {
  bool ready = false;
  std::vector<HealthRow> processes;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "ready", ready) && get(value, "processes", processes);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "ready", ready);
    put(map, "processes", processes);
    return map;
  }
};

/**
 * Result of `place_order`, `modify_order`, `cancel_order`: durable and written, no verdict yet.
 */
struct OrderAccepted {
  std::string client_order_id;
  std::optional<std::int64_t> order_id;
  std::string status;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "client_order_id", client_order_id) && get(value, "order_id", order_id) && get(value, "status", status);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "client_order_id", client_order_id);
    put(map, "order_id", order_id);
    put(map, "status", status);
    return map;
  }
};

/**
 * A working order that was not placed here: by another client id, by hand, or before this journal.
 *
 * `client_id` and `order_id` are its owner's, 0 for an order entered by hand.
 */
struct ForeignOrder {
  std::int64_t perm_id = 0;
  std::int64_t client_id = 0;
  std::int64_t order_id = 0;
  std::string instrument;
  std::string side;
  double quantity = 0;
  std::string order_type;
  std::string account;
  std::string tif;
  std::string status;
  double filled = 0;
  std::string reference;
  std::optional<double> limit_price;
  std::optional<double> stop_price;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "perm_id", perm_id) && get(value, "client_id", client_id) && get(value, "order_id", order_id) && get(value, "instrument", instrument) && get(value, "side", side) && get(value, "quantity", quantity) && get(value, "order_type", order_type) && get(value, "account", account) && get(value, "tif", tif) && get(value, "status", status) && get(value, "filled", filled) && get(value, "reference", reference) && get(value, "limit_price", limit_price) && get(value, "stop_price", stop_price);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "perm_id", perm_id);
    put(map, "client_id", client_id);
    put(map, "order_id", order_id);
    put(map, "instrument", instrument);
    put(map, "side", side);
    put(map, "quantity", quantity);
    put(map, "order_type", order_type);
    put(map, "account", account);
    put(map, "tif", tif);
    put(map, "status", status);
    put(map, "filled", filled);
    put(map, "reference", reference);
    put(map, "limit_price", limit_price);
    put(map, "stop_price", stop_price);
    return map;
  }
};

/**
 * Result of `get_orders`: maps with the fields of the `order` event; foreign orders as last seen.
 */
struct OrderList {
  std::vector<Map<Value>> orders;
  std::optional<std::vector<ForeignOrder>> foreign;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "orders", orders) && get(value, "foreign", foreign);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "orders", orders);
    put(map, "foreign", foreign);
    return map;
  }
};

/**
 * Result of `place_orders` (in the order of the request) and `cancel_orders`.
 */
struct OrdersAccepted {
  std::vector<OrderAccepted> orders;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "orders", orders);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "orders", orders);
    return map;
  }
};

/**
 * Result of `preview_order`. Nil: the gateway did not compute it.
 */
struct Preview {
  std::optional<double> init_margin_before;
  std::optional<double> init_margin_after;
  std::optional<double> init_margin_change;
  std::optional<double> maint_margin_before;
  std::optional<double> maint_margin_after;
  std::optional<double> maint_margin_change;
  std::optional<double> equity_with_loan_before;
  std::optional<double> equity_with_loan_after;
  std::optional<double> equity_with_loan_change;
  std::optional<double> commission;
  std::optional<double> min_commission;
  std::optional<double> max_commission;
  std::optional<std::string> currency;
  std::optional<std::string> warning;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "init_margin_before", init_margin_before) && get(value, "init_margin_after", init_margin_after) && get(value, "init_margin_change", init_margin_change) && get(value, "maint_margin_before", maint_margin_before) && get(value, "maint_margin_after", maint_margin_after) && get(value, "maint_margin_change", maint_margin_change) && get(value, "equity_with_loan_before", equity_with_loan_before) && get(value, "equity_with_loan_after", equity_with_loan_after) && get(value, "equity_with_loan_change", equity_with_loan_change) && get(value, "commission", commission) && get(value, "min_commission", min_commission) && get(value, "max_commission", max_commission) && get(value, "currency", currency) && get(value, "warning", warning);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "init_margin_before", init_margin_before);
    put(map, "init_margin_after", init_margin_after);
    put(map, "init_margin_change", init_margin_change);
    put(map, "maint_margin_before", maint_margin_before);
    put(map, "maint_margin_after", maint_margin_after);
    put(map, "maint_margin_change", maint_margin_change);
    put(map, "equity_with_loan_before", equity_with_loan_before);
    put(map, "equity_with_loan_after", equity_with_loan_after);
    put(map, "equity_with_loan_change", equity_with_loan_change);
    put(map, "commission", commission);
    put(map, "min_commission", min_commission);
    put(map, "max_commission", max_commission);
    put(map, "currency", currency);
    put(map, "warning", warning);
    return map;
  }
};

/**
 */
struct ExecutionRow {
  std::string strategy;
  std::string client_order_id;
  std::string instrument;
  std::string exec_id;
  std::string account;
  std::string side;
  double quantity = 0;
  double price = 0;
  std::optional<std::int64_t> time;
  std::optional<bool> recovered;
  std::optional<bool> leg;
  std::optional<double> commission;
  std::optional<std::string> currency;
  std::optional<double> realized_pnl;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "strategy", strategy) && get(value, "client_order_id", client_order_id) && get(value, "instrument", instrument) && get(value, "exec_id", exec_id) && get(value, "account", account) && get(value, "side", side) && get(value, "quantity", quantity) && get(value, "price", price) && get(value, "time", time) && get(value, "recovered", recovered) && get(value, "leg", leg) && get(value, "commission", commission) && get(value, "currency", currency) && get(value, "realized_pnl", realized_pnl);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "strategy", strategy);
    put(map, "client_order_id", client_order_id);
    put(map, "instrument", instrument);
    put(map, "exec_id", exec_id);
    put(map, "account", account);
    put(map, "side", side);
    put(map, "quantity", quantity);
    put(map, "price", price);
    put(map, "time", time);
    put(map, "recovered", recovered);
    put(map, "leg", leg);
    put(map, "commission", commission);
    put(map, "currency", currency);
    put(map, "realized_pnl", realized_pnl);
    return map;
  }
};

/**
 * Result of `get_executions`.
 */
struct ExecutionList {
  std::vector<ExecutionRow> executions;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "executions", executions);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "executions", executions);
    return map;
  }
};

/**
 * Result of `replay_events`. `next`: ask with it as `after` for more; `last`: the newest there is.
 */
struct EventPage {
  std::vector<Map<Value>> events;
  std::int64_t next = 0;
  std::int64_t last = 0;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "events", events) && get(value, "next", next) && get(value, "last", last);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "events", events);
    put(map, "next", next);
    put(map, "last", last);
    return map;
  }
};

/**
 * Result of `halt` and `resume`: what is halted now, by whom none ("" is everybody), and why.
 *
 * `remaining`: keys of the orders that still work or are unknown, after cancels had some seconds.
 */
struct Halted {
  Map<std::string> halted;
  std::vector<Map<Value>> remaining;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "halted", halted) && get(value, "remaining", remaining);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "halted", halted);
    put(map, "remaining", remaining);
    return map;
  }
};

/**
 */
struct RiskLayer {
  std::string scope;
  std::string name;
  Map<Value> limits;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "scope", scope) && get(value, "name", name) && get(value, "limits", limits);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "scope", scope);
    put(map, "name", name);
    put(map, "limits", limits);
    return map;
  }
};

/**
 * Result of `get_risk` and `set_risk`: every layer that holds, with the limits it sets.
 */
struct RiskLayers {
  std::vector<RiskLayer> layers;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "layers", layers);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "layers", layers);
    return map;
  }
};

/**
 * A topic somebody wants, or left a moment ago. Topics with one `line` number share one gateway line.
 *
 * `since`: ns since the epoch at which it was first wanted. `line` is nil while the contract is not known.
 */
struct SubscriptionRow {
  std::string topic;
  std::string state;
  bool wanted = false;
  std::int64_t since = 0;
  std::optional<std::int64_t> con_id;
  std::optional<std::int64_t> line;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "topic", topic) && get(value, "state", state) && get(value, "wanted", wanted) && get(value, "since", since) && get(value, "con_id", con_id) && get(value, "line", line);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "topic", topic);
    put(map, "state", state);
    put(map, "wanted", wanted);
    put(map, "since", since);
    put(map, "con_id", con_id);
    put(map, "line", line);
    return map;
  }
};

/**
 * How many lines of one kind are in use. `allowed` falls to what the gateway really grants.
 */
struct LineUse {
  std::string kind;
  std::int64_t used = 0;
  std::int64_t allowed = 0;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "kind", kind) && get(value, "used", used) && get(value, "allowed", allowed);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "kind", kind);
    put(map, "used", used);
    put(map, "allowed", allowed);
    return map;
  }
};

/**
 * Result of `subscriptions`.
 */
struct SubscriptionList {
  std::vector<SubscriptionRow> subscriptions;
  std::vector<LineUse> lines;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "subscriptions", subscriptions) && get(value, "lines", lines);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "subscriptions", subscriptions);
    put(map, "lines", lines);
    return map;
  }
};

/**
 * Result of `snapshot`: the own fields of a `quote` event.
 */
struct SnapshotQuote {
  Map<Value> quote;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "quote", quote);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "quote", quote);
    return map;
  }
};

/**
 * Result of `subscribe`. `topic` is the canonical spelling, `events` the endpoint to subscribe at.
 *
 * `line`: shared (one is there), new, or none (the limit is reached).
 */
struct SubscribePreview {
  std::string topic;
  std::optional<std::int64_t> con_id;
  std::string events;
  std::string line;
  std::optional<std::string> state;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "topic", topic) && get(value, "con_id", con_id) && get(value, "events", events) && get(value, "line", line) && get(value, "state", state);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "topic", topic);
    put(map, "con_id", con_id);
    put(map, "events", events);
    put(map, "line", line);
    put(map, "state", state);
    return map;
  }
};

/**
 * Result of `reconnect`: the session has been ended. Heartbeats and streams tell the rest.
 */
struct Reconnecting {
  std::string name;

  /** False where `value` is no such message. */
  bool read(const Value& value) {
    return get(value, "name", name);
  }

  Value value() const {
    Value map = Value::map();
    put(map, "name", name);
    return map;
  }
};

}  // namespace twsmq
