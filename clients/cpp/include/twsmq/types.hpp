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
 * Prices are `magnifier` times the currency's own (100: in pence, cents). `volume` is nil too where it is
 * not known what the gateway counts. `snapshot` is true when nothing changed and the message is for those
 * who just joined.
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
  std::optional<std::int64_t> magnifier;
  std::optional<bool> snapshot;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "bid", bid) && get(from_wire, "ask", ask) && get(from_wire, "last", last) && get(from_wire, "bid_size", bid_size) && get(from_wire, "ask_size", ask_size) && get(from_wire, "last_size", last_size) && get(from_wire, "volume", volume) && get(from_wire, "open", open) && get(from_wire, "high", high) && get(from_wire, "low", low) && get(from_wire, "close", close) && get(from_wire, "last_time", last_time) && get(from_wire, "halted", halted) && get(from_wire, "delayed", delayed) && get(from_wire, "magnifier", magnifier) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "bid", bid);
    put(to_wire, "ask", ask);
    put(to_wire, "last", last);
    put(to_wire, "bid_size", bid_size);
    put(to_wire, "ask_size", ask_size);
    put(to_wire, "last_size", last_size);
    put(to_wire, "volume", volume);
    put(to_wire, "open", open);
    put(to_wire, "high", high);
    put(to_wire, "low", low);
    put(to_wire, "close", close);
    put(to_wire, "last_time", last_time);
    put(to_wire, "halted", halted);
    put(to_wire, "delayed", delayed);
    put(to_wire, "magnifier", magnifier);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "ticks", ticks) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "ticks", ticks);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "time", time) && get(from_wire, "price", price) && get(from_wire, "size", size) && get(from_wire, "exchange", exchange) && get(from_wire, "conditions", conditions) && get(from_wire, "past_limit", past_limit) && get(from_wire, "unreported", unreported) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "time", time);
    put(to_wire, "price", price);
    put(to_wire, "size", size);
    put(to_wire, "exchange", exchange);
    put(to_wire, "conditions", conditions);
    put(to_wire, "past_limit", past_limit);
    put(to_wire, "unreported", unreported);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "time", time) && get(from_wire, "bid", bid) && get(from_wire, "ask", ask) && get(from_wire, "bid_size", bid_size) && get(from_wire, "ask_size", ask_size) && get(from_wire, "bid_past_low", bid_past_low) && get(from_wire, "ask_past_high", ask_past_high) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "time", time);
    put(to_wire, "bid", bid);
    put(to_wire, "ask", ask);
    put(to_wire, "bid_size", bid_size);
    put(to_wire, "ask_size", ask_size);
    put(to_wire, "bid_past_low", bid_past_low);
    put(to_wire, "ask_past_high", ask_past_high);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "time", time) && get(from_wire, "price", price) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "time", time);
    put(to_wire, "price", price);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "bids", bids) && get(from_wire, "asks", asks) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "bids", bids);
    put(to_wire, "asks", asks);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * What changed in the book, in order: all that came in one read.
 */
struct DepthDelta : Header {
  static constexpr const char* TYPE = "depth_delta";

  std::optional<std::int64_t> con_id;
  std::vector<Value> changes;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "changes", changes);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "changes", changes);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "time", time) && get(from_wire, "open", open) && get(from_wire, "high", high) && get(from_wire, "low", low) && get(from_wire, "close", close) && get(from_wire, "volume", volume) && get(from_wire, "wap", wap) && get(from_wire, "count", count) && get(from_wire, "final", final) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "time", time);
    put(to_wire, "open", open);
    put(to_wire, "high", high);
    put(to_wire, "low", low);
    put(to_wire, "close", close);
    put(to_wire, "volume", volume);
    put(to_wire, "wap", wap);
    put(to_wire, "count", count);
    put(to_wire, "final", final);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * `time`: ns at which the bar begins; of a day midnight UTC of its date, of a week its Monday's.
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "time", time) && get(from_wire, "open", open) && get(from_wire, "high", high) && get(from_wire, "low", low) && get(from_wire, "close", close) && get(from_wire, "volume", volume) && get(from_wire, "wap", wap) && get(from_wire, "count", count);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "time", time);
    put(to_wire, "open", open);
    put(to_wire, "high", high);
    put(to_wire, "low", low);
    put(to_wire, "close", close);
    put(to_wire, "volume", volume);
    put(to_wire, "wap", wap);
    put(to_wire, "count", count);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "bars", bars) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "bars", bars);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "con_id", con_id) && get(from_wire, "basis", basis) && get(from_wire, "implied_vol", implied_vol) && get(from_wire, "delta", delta) && get(from_wire, "price", price) && get(from_wire, "pv_dividend", pv_dividend) && get(from_wire, "gamma", gamma) && get(from_wire, "vega", vega) && get(from_wire, "theta", theta) && get(from_wire, "underlying", underlying) && get(from_wire, "delayed", delayed) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "basis", basis);
    put(to_wire, "implied_vol", implied_vol);
    put(to_wire, "delta", delta);
    put(to_wire, "price", price);
    put(to_wire, "pv_dividend", pv_dividend);
    put(to_wire, "gamma", gamma);
    put(to_wire, "vega", vega);
    put(to_wire, "theta", theta);
    put(to_wire, "underlying", underlying);
    put(to_wire, "delayed", delayed);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "provider", provider) && get(from_wire, "article_id", article_id) && get(from_wire, "headline", headline) && get(from_wire, "time", time) && get(from_wire, "extra", extra) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "provider", provider);
    put(to_wire, "article_id", article_id);
    put(to_wire, "headline", headline);
    put(to_wire, "time", time);
    put(to_wire, "extra", extra);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * The life of a stream, published on the stream's own topic. Never silence.
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "state", state) && get(from_wire, "code", code) && get(from_wire, "text", text) && get(from_wire, "reason", reason) && get(from_wire, "from", from_) && get(from_wire, "to", to) && get(from_wire, "con_id", con_id) && get(from_wire, "repeated", repeated);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "state", state);
    put(to_wire, "code", code);
    put(to_wire, "text", text);
    put(to_wire, "reason", reason);
    put(to_wire, "from", from_);
    put(to_wire, "to", to);
    put(to_wire, "con_id", con_id);
    put(to_wire, "repeated", repeated);
    return to_wire;
  }
};

/**
 * `rank` from 0. The gateway sends no prices with them.
 */
struct ScannerRow {
  std::int64_t rank = 0;
  std::string instrument;
  std::int64_t con_id = 0;
  std::string symbol;
  std::string sec_type;
  std::optional<std::string> exchange;
  std::optional<std::string> currency;
  std::optional<std::string> local_symbol;
  std::optional<std::string> distance;
  std::optional<std::string> benchmark;
  std::optional<std::string> projection;
  std::optional<std::string> legs;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "rank", rank) && get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "symbol", symbol) && get(from_wire, "sec_type", sec_type) && get(from_wire, "exchange", exchange) && get(from_wire, "currency", currency) && get(from_wire, "local_symbol", local_symbol) && get(from_wire, "distance", distance) && get(from_wire, "benchmark", benchmark) && get(from_wire, "projection", projection) && get(from_wire, "legs", legs);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "rank", rank);
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "symbol", symbol);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "exchange", exchange);
    put(to_wire, "currency", currency);
    put(to_wire, "local_symbol", local_symbol);
    put(to_wire, "distance", distance);
    put(to_wire, "benchmark", benchmark);
    put(to_wire, "projection", projection);
    put(to_wire, "legs", legs);
    return to_wire;
  }
};

/**
 * A configured scan as it stands, on `scanner/<name>/`: at each ranking and each change of its state.
 *
 * `rows`: the last ranking, best first. `time`: ns, when it came; nil: none has come yet. starting: asked
 * for. active: the gateway sends rankings. interrupted: it does not, and is asked again by itself.
 * refused: it will not; asked again after ten minutes and in the next session. `code`, `text`: what the
 * gateway says, or why.
 */
struct Ranking : Header {
  static constexpr const char* TYPE = "ranking";

  std::string state;
  std::optional<std::int64_t> time;
  std::optional<std::vector<ScannerRow>> rows;
  std::optional<std::int64_t> code;
  std::optional<std::string> text;
  std::optional<bool> snapshot;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "state", state) && get(from_wire, "time", time) && get(from_wire, "rows", rows) && get(from_wire, "code", code) && get(from_wire, "text", text) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "state", state);
    put(to_wire, "time", time);
    put(to_wire, "rows", rows);
    put(to_wire, "code", code);
    put(to_wire, "text", text);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * The order as it now stands. `reason` and `tws_code`: why it came to this `status`.
 *
 * `gateway_status` is the gateway's own word ("PreSubmitted"), nil before it said any. Prices and other
 * attributes are as they stand: as the gateway has shown them, or as they were first sent. `parent`: the
 * client_order_id of the order it is attached to; `group`: of the first of those placed together. `staged`:
 * it was sent to be transmitted later, and the gateway holds it back. `why_held`, `cap_price`: as the
 * gateway says (whyHeld, mktCapPrice).
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
  std::optional<double> trail_amount;
  std::optional<double> trail_percent;
  std::optional<double> trail_stop_price;
  std::optional<double> limit_offset;
  std::optional<double> offset;
  std::optional<std::string> good_till;
  std::optional<bool> outside_rth;
  std::optional<std::int64_t> display_size;
  std::optional<std::string> parent;
  std::optional<std::string> group;
  std::optional<std::string> oca_group;
  std::optional<bool> staged;
  std::optional<std::string> why_held;
  std::optional<double> cap_price;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "strategy", strategy) && get(from_wire, "event_no", event_no) && get(from_wire, "strategy_no", strategy_no) && get(from_wire, "instrument", instrument) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "order_type", order_type) && get(from_wire, "status", status) && get(from_wire, "order_id", order_id) && get(from_wire, "perm_id", perm_id) && get(from_wire, "account", account) && get(from_wire, "limit_price", limit_price) && get(from_wire, "stop_price", stop_price) && get(from_wire, "tif", tif) && get(from_wire, "filled", filled) && get(from_wire, "remaining", remaining) && get(from_wire, "avg_price", avg_price) && get(from_wire, "reason", reason) && get(from_wire, "tws_code", tws_code) && get(from_wire, "gateway_status", gateway_status) && get(from_wire, "snapshot", snapshot) && get(from_wire, "trail_amount", trail_amount) && get(from_wire, "trail_percent", trail_percent) && get(from_wire, "trail_stop_price", trail_stop_price) && get(from_wire, "limit_offset", limit_offset) && get(from_wire, "offset", offset) && get(from_wire, "good_till", good_till) && get(from_wire, "outside_rth", outside_rth) && get(from_wire, "display_size", display_size) && get(from_wire, "parent", parent) && get(from_wire, "group", group) && get(from_wire, "oca_group", oca_group) && get(from_wire, "staged", staged) && get(from_wire, "why_held", why_held) && get(from_wire, "cap_price", cap_price);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "strategy", strategy);
    put(to_wire, "event_no", event_no);
    put(to_wire, "strategy_no", strategy_no);
    put(to_wire, "instrument", instrument);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "order_type", order_type);
    put(to_wire, "status", status);
    put(to_wire, "order_id", order_id);
    put(to_wire, "perm_id", perm_id);
    put(to_wire, "account", account);
    put(to_wire, "limit_price", limit_price);
    put(to_wire, "stop_price", stop_price);
    put(to_wire, "tif", tif);
    put(to_wire, "filled", filled);
    put(to_wire, "remaining", remaining);
    put(to_wire, "avg_price", avg_price);
    put(to_wire, "reason", reason);
    put(to_wire, "tws_code", tws_code);
    put(to_wire, "gateway_status", gateway_status);
    put(to_wire, "snapshot", snapshot);
    put(to_wire, "trail_amount", trail_amount);
    put(to_wire, "trail_percent", trail_percent);
    put(to_wire, "trail_stop_price", trail_stop_price);
    put(to_wire, "limit_offset", limit_offset);
    put(to_wire, "offset", offset);
    put(to_wire, "good_till", good_till);
    put(to_wire, "outside_rth", outside_rth);
    put(to_wire, "display_size", display_size);
    put(to_wire, "parent", parent);
    put(to_wire, "group", group);
    put(to_wire, "oca_group", oca_group);
    put(to_wire, "staged", staged);
    put(to_wire, "why_held", why_held);
    put(to_wire, "cap_price", cap_price);
    return to_wire;
  }
};

/**
 * One execution, once. `corrects` names the exec_id this one replaces; `recovered`: learnt of afterwards.
 *
 * `time` is the execution's own (ns), nil if the gateway's text could not be read. `leg`: of one leg of a
 * combo order, or of one account of an adviser's order, whose own executions are what its `filled` counts.
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "strategy", strategy) && get(from_wire, "event_no", event_no) && get(from_wire, "strategy_no", strategy_no) && get(from_wire, "exec_id", exec_id) && get(from_wire, "account", account) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "price", price) && get(from_wire, "time", time) && get(from_wire, "corrects", corrects) && get(from_wire, "recovered", recovered) && get(from_wire, "con_id", con_id) && get(from_wire, "leg", leg);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "strategy", strategy);
    put(to_wire, "event_no", event_no);
    put(to_wire, "strategy_no", strategy_no);
    put(to_wire, "exec_id", exec_id);
    put(to_wire, "account", account);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "price", price);
    put(to_wire, "time", time);
    put(to_wire, "corrects", corrects);
    put(to_wire, "recovered", recovered);
    put(to_wire, "con_id", con_id);
    put(to_wire, "leg", leg);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "strategy", strategy) && get(from_wire, "event_no", event_no) && get(from_wire, "strategy_no", strategy_no) && get(from_wire, "exec_id", exec_id) && get(from_wire, "commission", commission) && get(from_wire, "currency", currency) && get(from_wire, "realized_pnl", realized_pnl);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "strategy", strategy);
    put(to_wire, "event_no", event_no);
    put(to_wire, "strategy_no", strategy_no);
    put(to_wire, "exec_id", exec_id);
    put(to_wire, "commission", commission);
    put(to_wire, "currency", currency);
    put(to_wire, "realized_pnl", realized_pnl);
    return to_wire;
  }
};

/**
 * Something the gateway said about an order that does not change its state (399, 2109, 10349 …).
 *
 * `advanced_reject`: JSON that the gateway gives with some refusals (advancedOrderRejectJson).
 */
struct Notice : Header {
  static constexpr const char* TYPE = "notice";

  std::string client_order_id;
  std::string strategy;
  std::optional<std::int64_t> event_no;
  std::optional<std::int64_t> strategy_no;
  std::int64_t tws_code = 0;
  std::string text;
  std::optional<std::string> advanced_reject;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "strategy", strategy) && get(from_wire, "event_no", event_no) && get(from_wire, "strategy_no", strategy_no) && get(from_wire, "tws_code", tws_code) && get(from_wire, "text", text) && get(from_wire, "advanced_reject", advanced_reject);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "strategy", strategy);
    put(to_wire, "event_no", event_no);
    put(to_wire, "strategy_no", strategy_no);
    put(to_wire, "tws_code", tws_code);
    put(to_wire, "text", text);
    put(to_wire, "advanced_reject", advanced_reject);
    return to_wire;
  }
};

/**
 * A modification: sent, and then what became of it. `change_no` counts those of an order.
 *
 * `asked`: the attributes it was to change, under the names of `modify_order`. `stands`: the same attributes
 * as they stand at the gateway now. `text` and `tws_code`: why, where the gateway or the node has said so.
 */
struct Change : Header {
  static constexpr const char* TYPE = "change";

  std::string client_order_id;
  std::string strategy;
  std::optional<std::int64_t> event_no;
  std::optional<std::int64_t> strategy_no;
  std::int64_t change_no = 0;
  std::string outcome;
  Map<Value> asked;
  Map<Value> stands;
  std::optional<std::string> text;
  std::optional<std::int64_t> tws_code;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "strategy", strategy) && get(from_wire, "event_no", event_no) && get(from_wire, "strategy_no", strategy_no) && get(from_wire, "change_no", change_no) && get(from_wire, "outcome", outcome) && get(from_wire, "asked", asked) && get(from_wire, "stands", stands) && get(from_wire, "text", text) && get(from_wire, "tws_code", tws_code);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "strategy", strategy);
    put(to_wire, "event_no", event_no);
    put(to_wire, "strategy_no", strategy_no);
    put(to_wire, "change_no", change_no);
    put(to_wire, "outcome", outcome);
    put(to_wire, "asked", asked);
    put(to_wire, "stands", stands);
    put(to_wire, "text", text);
    put(to_wire, "tws_code", tws_code);
    return to_wire;
  }
};

/**
 * Something the gateway said that belongs to no order and no request: margin, liquidation, or a report
 * about some order that could not be read (`tws_code` 0).
 */
struct AccountNotice : Header {
  static constexpr const char* TYPE = "account_notice";

  std::int64_t tws_code = 0;
  std::string text;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "tws_code", tws_code) && get(from_wire, "text", text);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "tws_code", tws_code);
    put(to_wire, "text", text);
    return to_wire;
  }
};

/**
 * An execution in an account, whoever placed its order: a client of ours, another program, a person, or
 * the broker (`liquidation`). `order`: strategy/client_order_id, nil unless the order was placed here.
 *
 * `client_id` and `order_id` are its owner's, 0 for what was entered by hand. `corrects` names the exec_id
 * this one replaces; `recovered`: learnt of afterwards. `leg`: of one leg of a combo.
 */
struct AccountExecution : Header {
  static constexpr const char* TYPE = "execution";

  std::string exec_id;
  std::string account;
  std::string instrument;
  std::string side;
  double quantity = 0;
  double price = 0;
  std::optional<std::int64_t> time;
  std::optional<std::int64_t> con_id;
  std::optional<std::string> exchange;
  std::optional<std::int64_t> perm_id;
  std::optional<std::int64_t> client_id;
  std::optional<std::int64_t> order_id;
  std::optional<std::string> reference;
  std::optional<std::string> order;
  std::optional<bool> liquidation;
  std::optional<std::int64_t> liquidity;
  std::optional<bool> leg;
  std::optional<std::string> corrects;
  std::optional<bool> recovered;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "exec_id", exec_id) && get(from_wire, "account", account) && get(from_wire, "instrument", instrument) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "price", price) && get(from_wire, "time", time) && get(from_wire, "con_id", con_id) && get(from_wire, "exchange", exchange) && get(from_wire, "perm_id", perm_id) && get(from_wire, "client_id", client_id) && get(from_wire, "order_id", order_id) && get(from_wire, "reference", reference) && get(from_wire, "order", order) && get(from_wire, "liquidation", liquidation) && get(from_wire, "liquidity", liquidity) && get(from_wire, "leg", leg) && get(from_wire, "corrects", corrects) && get(from_wire, "recovered", recovered);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "exec_id", exec_id);
    put(to_wire, "account", account);
    put(to_wire, "instrument", instrument);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "price", price);
    put(to_wire, "time", time);
    put(to_wire, "con_id", con_id);
    put(to_wire, "exchange", exchange);
    put(to_wire, "perm_id", perm_id);
    put(to_wire, "client_id", client_id);
    put(to_wire, "order_id", order_id);
    put(to_wire, "reference", reference);
    put(to_wire, "order", order);
    put(to_wire, "liquidation", liquidation);
    put(to_wire, "liquidity", liquidity);
    put(to_wire, "leg", leg);
    put(to_wire, "corrects", corrects);
    put(to_wire, "recovered", recovered);
    return to_wire;
  }
};

/**
 * What an execution in an account cost. `realized_pnl` is nil for opening trades.
 */
struct ExecutionCost : Header {
  static constexpr const char* TYPE = "execution_cost";

  std::string exec_id;
  std::string account;
  double commission = 0;
  std::string currency;
  std::optional<double> realized_pnl;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "exec_id", exec_id) && get(from_wire, "account", account) && get(from_wire, "commission", commission) && get(from_wire, "currency", currency) && get(from_wire, "realized_pnl", realized_pnl);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "exec_id", exec_id);
    put(to_wire, "account", account);
    put(to_wire, "commission", commission);
    put(to_wire, "currency", currency);
    put(to_wire, "realized_pnl", realized_pnl);
    return to_wire;
  }
};

/**
 * An order that was not placed here, as it now stands. `working` false: it has ended, `reason` says how
 * as far as that is known.
 */
struct ForeignOrderChanged : Header {
  static constexpr const char* TYPE = "foreign_order";

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
  std::optional<bool> working;
  std::optional<std::string> reason;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "perm_id", perm_id) && get(from_wire, "client_id", client_id) && get(from_wire, "order_id", order_id) && get(from_wire, "instrument", instrument) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "order_type", order_type) && get(from_wire, "account", account) && get(from_wire, "tif", tif) && get(from_wire, "status", status) && get(from_wire, "filled", filled) && get(from_wire, "reference", reference) && get(from_wire, "limit_price", limit_price) && get(from_wire, "stop_price", stop_price) && get(from_wire, "working", working) && get(from_wire, "reason", reason);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "perm_id", perm_id);
    put(to_wire, "client_id", client_id);
    put(to_wire, "order_id", order_id);
    put(to_wire, "instrument", instrument);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "order_type", order_type);
    put(to_wire, "account", account);
    put(to_wire, "tif", tif);
    put(to_wire, "status", status);
    put(to_wire, "filled", filled);
    put(to_wire, "reference", reference);
    put(to_wire, "limit_price", limit_price);
    put(to_wire, "stop_price", stop_price);
    put(to_wire, "working", working);
    put(to_wire, "reason", reason);
    return to_wire;
  }
};

/**
 * Every half second from every node on `node/<name>/`. `detail` says what it waits for, nil when ready.
 *
 * `last_event_no` and `strategy_nos` come from the orders node only: the newest numbers it has given out,
 * so that a subscriber sees that it lost the last order event; so do `halted` (each halted strategy, "" is
 * everybody, and why) and `killed` (those whose halt also cancels all that works). From market-data shards
 * only: `silent_lines`, lines of which nothing comes though they should tick and were asked for again, and
 * `flowing_lines`, how many data came on lately, which shows whether the lines or the session are at fault.
 * From them and from history: `competing`, whether the gateway refuses data for another session of the user.
 * `cpu` is the part of one processor used since the last beat, `loop_lag_s` how late the loop was at most.
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
  std::optional<std::int64_t> flowing_lines;
  std::optional<bool> competing;
  std::optional<Map<std::string>> halted;
  std::optional<std::vector<std::string>> killed;
  std::optional<double> cpu;
  std::optional<std::int64_t> memory_bytes;
  std::optional<double> loop_lag_s;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "name", name) && get(from_wire, "pid", pid) && get(from_wire, "state", state) && get(from_wire, "client_id", client_id) && get(from_wire, "uptime_s", uptime_s) && get(from_wire, "detail", detail) && get(from_wire, "last_event_no", last_event_no) && get(from_wire, "strategy_nos", strategy_nos) && get(from_wire, "silent_lines", silent_lines) && get(from_wire, "flowing_lines", flowing_lines) && get(from_wire, "competing", competing) && get(from_wire, "halted", halted) && get(from_wire, "killed", killed) && get(from_wire, "cpu", cpu) && get(from_wire, "memory_bytes", memory_bytes) && get(from_wire, "loop_lag_s", loop_lag_s);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "pid", pid);
    put(to_wire, "state", state);
    put(to_wire, "client_id", client_id);
    put(to_wire, "uptime_s", uptime_s);
    put(to_wire, "detail", detail);
    put(to_wire, "last_event_no", last_event_no);
    put(to_wire, "strategy_nos", strategy_nos);
    put(to_wire, "silent_lines", silent_lines);
    put(to_wire, "flowing_lines", flowing_lines);
    put(to_wire, "competing", competing);
    put(to_wire, "halted", halted);
    put(to_wire, "killed", killed);
    put(to_wire, "cpu", cpu);
    put(to_wire, "memory_bytes", memory_bytes);
    put(to_wire, "loop_lag_s", loop_lag_s);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "name", name) && get(from_wire, "state", state) && get(from_wire, "pid", pid) && get(from_wire, "client_id", client_id) && get(from_wire, "restarts", restarts) && get(from_wire, "uptime_s", uptime_s) && get(from_wire, "reason", reason) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "state", state);
    put(to_wire, "pid", pid);
    put(to_wire, "client_id", client_id);
    put(to_wire, "restarts", restarts);
    put(to_wire, "uptime_s", uptime_s);
    put(to_wire, "reason", reason);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * The link to the gateway as the connection node sees it, on `gateway/`.
 *
 * `upstream`: whether the gateway itself reaches the broker (1100/1101/1102/2110); `farms` maps each
 * data farm to ok, broken, inactive or connecting. `maintenance`: twsmq is about to restart or reconnect the
 * gateway, why; new orders are refused meanwhile. `alarm`: what only a person can do.
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
  std::optional<std::string> maintenance;
  std::optional<std::string> alarm;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "state", state) && get(from_wire, "host", host) && get(from_wire, "port", port) && get(from_wire, "server_version", server_version) && get(from_wire, "accounts", accounts) && get(from_wire, "upstream", upstream) && get(from_wire, "farms", farms) && get(from_wire, "reason", reason) && get(from_wire, "snapshot", snapshot) && get(from_wire, "maintenance", maintenance) && get(from_wire, "alarm", alarm);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "state", state);
    put(to_wire, "host", host);
    put(to_wire, "port", port);
    put(to_wire, "server_version", server_version);
    put(to_wire, "accounts", accounts);
    put(to_wire, "upstream", upstream);
    put(to_wire, "farms", farms);
    put(to_wire, "reason", reason);
    put(to_wire, "snapshot", snapshot);
    put(to_wire, "maintenance", maintenance);
    put(to_wire, "alarm", alarm);
    return to_wire;
  }
};

/**
 * On `budget/`, from connection to the other processes: who leaves what of the message budget unused
 * until `until` (nanoseconds of the machine's monotonic clock)? Each answers by the op `yield_budget`.
 * `slow_to`: the gateway complains about one of them, so nobody may use more than this part of its share.
 */
struct BudgetRound : Header {
  static constexpr const char* TYPE = "budget_round";

  std::int64_t round = 0;
  std::int64_t until = 0;
  std::optional<double> slow_to;
  std::optional<std::int64_t> breaches;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "round", round) && get(from_wire, "until", until) && get(from_wire, "slow_to", slow_to) && get(from_wire, "breaches", breaches);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "round", round);
    put(to_wire, "until", until);
    put(to_wire, "slow_to", slow_to);
    put(to_wire, "breaches", breaches);
    return to_wire;
  }
};

/**
 * A subscription was narrowed to what the subscriber's key opens, on `denied/<key>/` where only that key
 * listens. `wish` is what was subscribed to, `granted` what came of it, maybe nothing.
 */
struct Denied : Header {
  static constexpr const char* TYPE = "denied";

  std::string wish;
  std::optional<std::vector<std::string>> granted;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "wish", wish) && get(from_wire, "granted", granted);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "wish", wish);
    put(to_wire, "granted", granted);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "account", account) && get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "quantity", quantity) && get(from_wire, "avg_cost", avg_cost) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "account", account);
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "quantity", quantity);
    put(to_wire, "avg_cost", avg_cost);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * One row of the account summary: `value` is the gateway's text, empty where it
 * has no value any more, `currency` nil where it has none.
 */
struct AccountValue : Header {
  static constexpr const char* TYPE = "account_value";

  std::string account;
  std::string tag;
  std::string value;
  std::optional<std::string> currency;
  std::optional<bool> snapshot;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "account", account) && get(from_wire, "tag", tag) && get(from_wire, "value", value) && get(from_wire, "currency", currency) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "account", account);
    put(to_wire, "tag", tag);
    put(to_wire, "value", value);
    put(to_wire, "currency", currency);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * Profit and loss of an account, in its own currency, or of one position of it (`instrument`, `con_id`),
 * in that or in the contract's, which the gateway does not say: of the day, of what is held, of what was
 * closed today. `value`: the position's market value.
 */
struct ProfitAndLoss : Header {
  static constexpr const char* TYPE = "profit_and_loss";

  std::string account;
  std::optional<std::string> instrument;
  std::optional<std::int64_t> con_id;
  std::optional<double> daily;
  std::optional<double> unrealized;
  std::optional<double> realized;
  std::optional<double> value;
  std::optional<bool> snapshot;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "account", account) && get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "daily", daily) && get(from_wire, "unrealized", unrealized) && get(from_wire, "realized", realized) && get(from_wire, "value", value) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "account", account);
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "daily", daily);
    put(to_wire, "unrealized", unrealized);
    put(to_wire, "realized", realized);
    put(to_wire, "value", value);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * What changed in a section: `rows` by key, nil for one that is gone. `rev` counts the changes of the
 * section; `as_of` (ns) is when its source last confirmed it, nil for never.
 */
struct BoardChange : Header {
  static constexpr const char* TYPE = "board_change";

  std::string section;
  std::int64_t rev = 0;
  std::optional<std::int64_t> as_of;
  std::optional<Map<std::optional<Map<Value>>>> rows;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "section", section) && get(from_wire, "rev", rev) && get(from_wire, "as_of", as_of) && get(from_wire, "rows", rows);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "section", section);
    put(to_wire, "rev", rev);
    put(to_wire, "as_of", as_of);
    put(to_wire, "rows", rows);
    return to_wire;
  }
};

/**
 * An alert whenever its state changes, and again while it fires (`repeat`), on `alert/<name>/`.
 *
 * `about`: what it is about (a process, an account, a strategy), empty for the whole. `since`: ns at which
 * it began to fire. `runbook`: the page that says what to do. `test`: somebody tries the sinks.
 */
struct Alert : Header {
  static constexpr const char* TYPE = "alert";

  std::string name;
  std::string severity;
  std::string state;
  std::string text;
  std::optional<std::string> about;
  std::int64_t since = 0;
  std::optional<std::int64_t> resolved;
  std::optional<std::string> acknowledged_by;
  std::optional<std::string> runbook;
  std::optional<std::int64_t> repeat;
  std::optional<bool> test;
  std::optional<bool> snapshot;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return Header::read(from_wire) && get(from_wire, "name", name) && get(from_wire, "severity", severity) && get(from_wire, "state", state) && get(from_wire, "text", text) && get(from_wire, "about", about) && get(from_wire, "since", since) && get(from_wire, "resolved", resolved) && get(from_wire, "acknowledged_by", acknowledged_by) && get(from_wire, "runbook", runbook) && get(from_wire, "repeat", repeat) && get(from_wire, "test", test) && get(from_wire, "snapshot", snapshot);
  }

  /** Its own fields, without the header. */
  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "severity", severity);
    put(to_wire, "state", state);
    put(to_wire, "text", text);
    put(to_wire, "about", about);
    put(to_wire, "since", since);
    put(to_wire, "resolved", resolved);
    put(to_wire, "acknowledged_by", acknowledged_by);
    put(to_wire, "runbook", runbook);
    put(to_wire, "repeat", repeat);
    put(to_wire, "test", test);
    put(to_wire, "snapshot", snapshot);
    return to_wire;
  }
};

/**
 * For ops that take no arguments.
 */
struct NoArgs {

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return from_wire.is_map();
  }

  Value to_value() const {
    return Value::map();
  }
};

/**
 * `restart` (supervisor): end this process in order and start it again.
 */
struct RestartProcess {
  std::string name;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    return to_wire;
  }
};

/**
 * `explain` (supervisor): the story of one process, or of all.
 */
struct Explain {
  std::optional<std::string> name;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    return to_wire;
  }
};

/**
 * `contract_details` (reference): every contract that matches, once, at most `limit` of them.
 *
 * `after`: the `next` of the page before. `expired`: futures that have expired too (IBKR keeps two years).
 */
struct ContractDetails {
  std::optional<std::string> instrument;
  std::optional<std::string> isin;
  std::optional<std::string> cusip;
  std::optional<std::string> local_symbol;
  std::optional<std::string> sec_type;
  std::optional<std::string> exchange;
  std::optional<std::string> currency;
  std::optional<bool> expired;
  std::optional<std::int64_t> after;
  std::optional<std::int64_t> limit;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "isin", isin) && get(from_wire, "cusip", cusip) && get(from_wire, "local_symbol", local_symbol) && get(from_wire, "sec_type", sec_type) && get(from_wire, "exchange", exchange) && get(from_wire, "currency", currency) && get(from_wire, "expired", expired) && get(from_wire, "after", after) && get(from_wire, "limit", limit);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "isin", isin);
    put(to_wire, "cusip", cusip);
    put(to_wire, "local_symbol", local_symbol);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "exchange", exchange);
    put(to_wire, "currency", currency);
    put(to_wire, "expired", expired);
    put(to_wire, "after", after);
    put(to_wire, "limit", limit);
    return to_wire;
  }
};

/**
 * `qualify` (reference): the one contract that is meant.
 */
struct Qualify {
  std::optional<std::string> instrument;
  std::optional<std::string> isin;
  std::optional<std::string> cusip;
  std::optional<std::string> local_symbol;
  std::optional<std::string> sec_type;
  std::optional<std::string> exchange;
  std::optional<std::string> currency;
  std::optional<bool> expired;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "isin", isin) && get(from_wire, "cusip", cusip) && get(from_wire, "local_symbol", local_symbol) && get(from_wire, "sec_type", sec_type) && get(from_wire, "exchange", exchange) && get(from_wire, "currency", currency) && get(from_wire, "expired", expired);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "isin", isin);
    put(to_wire, "cusip", cusip);
    put(to_wire, "local_symbol", local_symbol);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "exchange", exchange);
    put(to_wire, "currency", currency);
    put(to_wire, "expired", expired);
    return to_wire;
  }
};

/**
 * `option_chain` (reference): the options on an underlying that are really listed.
 *
 * `expiry`: of this day only. Without it expiries follow each other in pages: `after`: the `next` of the
 * page before.
 */
struct GetOptionChain {
  std::string instrument;
  std::optional<std::string> expiry;
  std::optional<std::string> trading_class;
  std::optional<std::string> after;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "expiry", expiry) && get(from_wire, "trading_class", trading_class) && get(from_wire, "after", after);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "expiry", expiry);
    put(to_wire, "trading_class", trading_class);
    put(to_wire, "after", after);
    return to_wire;
  }
};

/**
 * `search` (reference): instruments whose symbol begins with a text, or whose name has it.
 */
struct Search {
  std::string pattern;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "pattern", pattern);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "pattern", pattern);
    return to_wire;
  }
};

/**
 * `trading_hours` (reference): the sessions of today and of the next days.
 */
struct GetTradingHours {
  std::string instrument;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    return to_wire;
  }
};

/**
 * `market_rule` (reference): the steps of prices and sizes of a contract, on each of its exchanges.
 */
struct GetMarketRule {
  std::string instrument;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    return to_wire;
  }
};

/**
 * `news` (reference): headlines about an instrument, newest first.
 *
 * `providers`: codes; all the user has unless given. Give `from` or `to`: the gateway ignores `to` where
 * both are set, so both are refused.
 */
struct GetNews {
  std::string instrument;
  std::optional<std::vector<std::string>> providers;
  std::optional<std::int64_t> from_;
  std::optional<std::int64_t> to;
  std::optional<std::int64_t> limit;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "providers", providers) && get(from_wire, "from", from_) && get(from_wire, "to", to) && get(from_wire, "limit", limit);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "providers", providers);
    put(to_wire, "from", from_);
    put(to_wire, "to", to);
    put(to_wire, "limit", limit);
    return to_wire;
  }
};

/**
 * `article` (reference): the text behind a headline.
 */
struct GetArticle {
  std::string provider;
  std::string article_id;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "provider", provider) && get(from_wire, "article_id", article_id);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "provider", provider);
    put(to_wire, "article_id", article_id);
    return to_wire;
  }
};

/**
 * `wsh_events` (reference): what is due of companies: earnings, dividends, splits … The user must have
 * subscribed to it.
 *
 * Of an `instrument`, from one day to another (both included), at most `limit`; or by a `filter`: JSON whose
 * keys `wsh_meta` lists, which may be widened to what the user holds or watches and to competitors.
 */
struct GetWshEvents {
  std::optional<std::string> instrument;
  std::optional<std::string> filter;
  std::optional<std::string> from_;
  std::optional<std::string> to;
  std::optional<std::int64_t> limit;
  std::optional<bool> portfolio;
  std::optional<bool> watchlist;
  std::optional<bool> competitors;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "filter", filter) && get(from_wire, "from", from_) && get(from_wire, "to", to) && get(from_wire, "limit", limit) && get(from_wire, "portfolio", portfolio) && get(from_wire, "watchlist", watchlist) && get(from_wire, "competitors", competitors);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "filter", filter);
    put(to_wire, "from", from_);
    put(to_wire, "to", to);
    put(to_wire, "limit", limit);
    put(to_wire, "portfolio", portfolio);
    put(to_wire, "watchlist", watchlist);
    put(to_wire, "competitors", competitors);
    return to_wire;
  }
};

/**
 * `fundamentals` (reference): a report about a company, which IBKR serves to ever fewer users; ibapi has
 * it no more from 10.50 on.
 */
struct GetFundamentals {
  std::string instrument;
  std::optional<std::string> report;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "report", report);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "report", report);
    return to_wire;
  }
};

/**
 * `fa_groups` (reference): an adviser's groups, profiles or aliases of accounts.
 */
struct GetFaGroups {
  std::optional<std::string> list;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "list", list);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "list", list);
    return to_wire;
  }
};

/**
 * `replace_fa_groups` (reference): all of an adviser's groups, profiles or aliases by those of `xml`.
 * What is not in it is gone. Sent once: without an answer nobody knows whether it was done.
 */
struct ReplaceFaGroups {
  std::string list;
  std::string xml;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "list", list) && get(from_wire, "xml", xml);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "list", list);
    put(to_wire, "xml", xml);
    return to_wire;
  }
};

/**
 * `scanner` (reference): the best of a market by some measure; of the op, once.
 *
 * `filters`: by the codes that `scanner_parameters` lists.
 */
struct Scan {
  std::string scan;
  std::optional<std::string> instrument_type;
  std::optional<std::string> location;
  std::optional<std::int64_t> rows;
  std::optional<double> above_price;
  std::optional<double> below_price;
  std::optional<std::int64_t> above_volume;
  std::optional<Map<std::string>> filters;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "scan", scan) && get(from_wire, "instrument_type", instrument_type) && get(from_wire, "location", location) && get(from_wire, "rows", rows) && get(from_wire, "above_price", above_price) && get(from_wire, "below_price", below_price) && get(from_wire, "above_volume", above_volume) && get(from_wire, "filters", filters);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "scan", scan);
    put(to_wire, "instrument_type", instrument_type);
    put(to_wire, "location", location);
    put(to_wire, "rows", rows);
    put(to_wire, "above_price", above_price);
    put(to_wire, "below_price", below_price);
    put(to_wire, "above_volume", above_volume);
    put(to_wire, "filters", filters);
    return to_wire;
  }
};

/**
 * `scanner_parameters` (reference): what a scanner may be asked. `search`: only what has these words.
 */
struct GetScannerParameters {
  std::optional<std::string> search;
  std::optional<std::int64_t> limit;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "search", search) && get(from_wire, "limit", limit);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "search", search);
    put(to_wire, "limit", limit);
    return to_wire;
  }
};

/**
 * `implied_volatility` (reference): what an option's price means.
 */
struct GetImpliedVolatility {
  std::string instrument;
  double option_price = 0;
  double under_price = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "option_price", option_price) && get(from_wire, "under_price", under_price);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "option_price", option_price);
    put(to_wire, "under_price", under_price);
    return to_wire;
  }
};

/**
 * `option_price` (reference): what an option is worth at a volatility (0.2 is 20 %).
 */
struct GetOptionPrice {
  std::string instrument;
  double volatility = 0;
  double under_price = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "volatility", volatility) && get(from_wire, "under_price", under_price);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "volatility", volatility);
    put(to_wire, "under_price", under_price);
    return to_wire;
  }
};

/**
 * `smart_components` (reference): which exchange a letter of a quote's exchanges stands for.
 *
 * `bbo_exchange`: the gateway's code of the letters, which no event has yet.
 */
struct GetSmartComponents {
  std::string bbo_exchange;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "bbo_exchange", bbo_exchange);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "bbo_exchange", bbo_exchange);
    return to_wire;
  }
};

/**
 * `bars`: bars of the past, oldest first. Give `duration` (before `to`), or `from`.
 *
 * `to`: now unless given. `what`: TRADES, or what the instrument has instead. `bulk`: after everything that
 * is not. `columns`: the bars by columns; `packed`: these as bytes, by far the quickest for many.
 */
struct GetBars {
  std::string instrument;
  std::optional<double> max_age;
  std::string size;
  std::optional<std::string> duration;
  std::optional<std::int64_t> from_;
  std::optional<std::int64_t> to;
  std::optional<std::string> what;
  std::optional<bool> rth;
  std::optional<std::int64_t> limit;
  std::optional<bool> bulk;
  std::optional<bool> columns;
  std::optional<bool> packed;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "max_age", max_age) && get(from_wire, "size", size) && get(from_wire, "duration", duration) && get(from_wire, "from", from_) && get(from_wire, "to", to) && get(from_wire, "what", what) && get(from_wire, "rth", rth) && get(from_wire, "limit", limit) && get(from_wire, "bulk", bulk) && get(from_wire, "columns", columns) && get(from_wire, "packed", packed);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "max_age", max_age);
    put(to_wire, "size", size);
    put(to_wire, "duration", duration);
    put(to_wire, "from", from_);
    put(to_wire, "to", to);
    put(to_wire, "what", what);
    put(to_wire, "rth", rth);
    put(to_wire, "limit", limit);
    put(to_wire, "bulk", bulk);
    put(to_wire, "columns", columns);
    put(to_wire, "packed", packed);
    return to_wire;
  }
};

/**
 * `ticks`: ticks of the past, oldest first, whole seconds: a page never ends inside of one.
 */
struct GetTicks {
  std::string instrument;
  std::optional<double> max_age;
  std::int64_t from_ = 0;
  std::optional<std::int64_t> to;
  std::optional<std::string> what;
  std::optional<bool> rth;
  std::optional<bool> ignore_size;
  std::optional<std::int64_t> limit;
  std::optional<bool> bulk;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "max_age", max_age) && get(from_wire, "from", from_) && get(from_wire, "to", to) && get(from_wire, "what", what) && get(from_wire, "rth", rth) && get(from_wire, "ignore_size", ignore_size) && get(from_wire, "limit", limit) && get(from_wire, "bulk", bulk);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "max_age", max_age);
    put(to_wire, "from", from_);
    put(to_wire, "to", to);
    put(to_wire, "what", what);
    put(to_wire, "rth", rth);
    put(to_wire, "ignore_size", ignore_size);
    put(to_wire, "limit", limit);
    put(to_wire, "bulk", bulk);
    return to_wire;
  }
};

/**
 * `head_timestamp`: when the history of an instrument begins.
 */
struct GetHeadTimestamp {
  std::string instrument;
  std::optional<double> max_age;
  std::optional<std::string> what;
  std::optional<bool> rth;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "max_age", max_age) && get(from_wire, "what", what) && get(from_wire, "rth", rth);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "max_age", max_age);
    put(to_wire, "what", what);
    put(to_wire, "rth", rth);
    return to_wire;
  }
};

/**
 * `schedule`: the trading sessions between two moments, as far back as the gateway knows them.
 */
struct GetSchedule {
  std::string instrument;
  std::optional<double> max_age;
  std::int64_t from_ = 0;
  std::optional<std::int64_t> to;
  std::optional<bool> rth;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "max_age", max_age) && get(from_wire, "from", from_) && get(from_wire, "to", to) && get(from_wire, "rth", rth);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "max_age", max_age);
    put(to_wire, "from", from_);
    put(to_wire, "to", to);
    put(to_wire, "rth", rth);
    return to_wire;
  }
};

/**
 * `histogram`: how much was traded at which price, over a period up to now.
 */
struct GetHistogram {
  std::string instrument;
  std::optional<double> max_age;
  std::optional<std::string> period;
  std::optional<bool> rth;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "max_age", max_age) && get(from_wire, "period", period) && get(from_wire, "rth", rth);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "max_age", max_age);
    put(to_wire, "period", period);
    put(to_wire, "rth", rth);
    return to_wire;
  }
};

/**
 * `claim_client_id` (connection): a client ID for `program`, its own for `hold_s` seconds and longer if
 * it asks again; the same as before, as long as that has not been given to another. `client_id`: this one.
 */
struct ClaimClientId {
  std::string program;
  std::optional<std::int64_t> client_id;
  std::optional<double> hold_s;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "program", program) && get(from_wire, "client_id", client_id) && get(from_wire, "hold_s", hold_s);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "program", program);
    put(to_wire, "client_id", client_id);
    put(to_wire, "hold_s", hold_s);
    return to_wire;
  }
};

/**
 * `release_client_id` (connection): the program needs it no longer.
 */
struct ReleaseClientId {
  std::string program;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "program", program);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "program", program);
    return to_wire;
  }
};

/**
 * `claim_budget` (connection): a process has `waiting` messages that its own share does not let out.
 * `factor`: to which part of its share its gateway's complaints have slowed it, after `breaches` (code 100).
 */
struct ClaimBudget {
  std::string name;
  std::int64_t waiting = 0;
  std::optional<double> factor;
  std::optional<std::int64_t> breaches;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "waiting", waiting) && get(from_wire, "factor", factor) && get(from_wire, "breaches", breaches);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "waiting", waiting);
    put(to_wire, "factor", factor);
    put(to_wire, "breaches", breaches);
    return to_wire;
  }
};

/**
 * `yield_budget` (connection), in answer to the event `budget_round`: a process does without `rate`
 * messages a second until `until`, for others to use; 0 if it needs them.
 */
struct YieldBudget {
  std::string name;
  std::int64_t round = 0;
  double rate = 0;
  std::int64_t until = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "round", round) && get(from_wire, "rate", rate) && get(from_wire, "until", until);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "round", round);
    put(to_wire, "rate", rate);
    put(to_wire, "until", until);
    return to_wire;
  }
};

/**
 * `board`: the board as it stands, in pages: rows `after` … `after` + `limit` of each section. Pages are
 * of one moment where each is asked for with the last one's `next`.
 */
struct GetBoard {
  std::optional<std::vector<std::string>> sections;
  std::optional<std::int64_t> after;
  std::optional<std::int64_t> limit;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "sections", sections) && get(from_wire, "after", after) && get(from_wire, "limit", limit);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "sections", sections);
    put(to_wire, "after", after);
    put(to_wire, "limit", limit);
    return to_wire;
  }
};

/**
 * `acknowledge_alert`: somebody (`by`) takes care; it is not repeated until it has resolved, or got
 * worse. Where there are keys, the key's name is put beside `by`.
 */
struct AcknowledgeAlert {
  std::string name;
  std::optional<std::string> about;
  std::string by;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "about", about) && get(from_wire, "by", by);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "about", about);
    put(to_wire, "by", by);
    return to_wire;
  }
};

/**
 * `silence_alert`: for so many minutes it reaches no sink; `name` `*` is every alert, 0 ends it.
 */
struct SilenceAlert {
  std::string name;
  double minutes = 0;
  std::string by;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "minutes", minutes) && get(from_wire, "by", by);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "minutes", minutes);
    put(to_wire, "by", by);
    return to_wire;
  }
};

/**
 * `test_alerts`: send a test through every sink.
 */
struct TryAlerts {
  std::optional<std::string> by;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "by", by);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "by", by);
    return to_wire;
  }
};

/**
 * One of IBKR's algos: `Adaptive` with `{"adaptivePriority": "Normal"}`, `Twap`, `Vwap` …
 */
struct Algo {
  std::string strategy;
  std::optional<Map<std::string>> params;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "params", params);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "params", params);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "kind", kind) && get(from_wire, "join", join) && get(from_wire, "more", more) && get(from_wire, "value", value) && get(from_wire, "text", text) && get(from_wire, "con_id", con_id) && get(from_wire, "exchange", exchange) && get(from_wire, "symbol", symbol) && get(from_wire, "sec_type", sec_type) && get(from_wire, "trigger_method", trigger_method);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "kind", kind);
    put(to_wire, "join", join);
    put(to_wire, "more", more);
    put(to_wire, "value", value);
    put(to_wire, "text", text);
    put(to_wire, "con_id", con_id);
    put(to_wire, "exchange", exchange);
    put(to_wire, "symbol", symbol);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "trigger_method", trigger_method);
    return to_wire;
  }
};

/**
 * `place_order`: one order. The same request again returns the first answer and places nothing.
 *
 * `parent`: client_order_id of a working order of the same strategy, to which this one is attached: it works
 * once that one is filled and ends with it. `transmit` false: the gateway holds it back until
 * `modify_order` with `transmit`, or until an order attached to it is transmitted.
 * `extra`: further attributes of an order under `ibapi`'s own names, checked against the installed release.
 * `reduce_only`: refused unless it can only bring nearer to 0 what the strategy holds in its account, or all
 * of the account's where the strategy holds nothing there.
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
  std::optional<std::vector<std::optional<double>>> leg_prices;
  std::optional<std::string> parent;
  std::optional<bool> transmit;
  std::optional<Map<std::string>> routing;
  std::optional<Map<Value>> extra;
  std::optional<bool> reduce_only;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "instrument", instrument) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "order_type", order_type) && get(from_wire, "limit_price", limit_price) && get(from_wire, "stop_price", stop_price) && get(from_wire, "tif", tif) && get(from_wire, "account", account) && get(from_wire, "outside_rth", outside_rth) && get(from_wire, "trail_amount", trail_amount) && get(from_wire, "trail_percent", trail_percent) && get(from_wire, "trail_stop_price", trail_stop_price) && get(from_wire, "limit_offset", limit_offset) && get(from_wire, "offset", offset) && get(from_wire, "cash_quantity", cash_quantity) && get(from_wire, "good_till", good_till) && get(from_wire, "good_after", good_after) && get(from_wire, "display_size", display_size) && get(from_wire, "min_quantity", min_quantity) && get(from_wire, "all_or_none", all_or_none) && get(from_wire, "hidden", hidden) && get(from_wire, "oca_group", oca_group) && get(from_wire, "oca_type", oca_type) && get(from_wire, "algo", algo) && get(from_wire, "conditions", conditions) && get(from_wire, "conditions_cancel", conditions_cancel) && get(from_wire, "conditions_ignore_rth", conditions_ignore_rth) && get(from_wire, "leg_prices", leg_prices) && get(from_wire, "parent", parent) && get(from_wire, "transmit", transmit) && get(from_wire, "routing", routing) && get(from_wire, "extra", extra) && get(from_wire, "reduce_only", reduce_only);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "instrument", instrument);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "order_type", order_type);
    put(to_wire, "limit_price", limit_price);
    put(to_wire, "stop_price", stop_price);
    put(to_wire, "tif", tif);
    put(to_wire, "account", account);
    put(to_wire, "outside_rth", outside_rth);
    put(to_wire, "trail_amount", trail_amount);
    put(to_wire, "trail_percent", trail_percent);
    put(to_wire, "trail_stop_price", trail_stop_price);
    put(to_wire, "limit_offset", limit_offset);
    put(to_wire, "offset", offset);
    put(to_wire, "cash_quantity", cash_quantity);
    put(to_wire, "good_till", good_till);
    put(to_wire, "good_after", good_after);
    put(to_wire, "display_size", display_size);
    put(to_wire, "min_quantity", min_quantity);
    put(to_wire, "all_or_none", all_or_none);
    put(to_wire, "hidden", hidden);
    put(to_wire, "oca_group", oca_group);
    put(to_wire, "oca_type", oca_type);
    put(to_wire, "algo", algo);
    put(to_wire, "conditions", conditions);
    put(to_wire, "conditions_cancel", conditions_cancel);
    put(to_wire, "conditions_ignore_rth", conditions_ignore_rth);
    put(to_wire, "leg_prices", leg_prices);
    put(to_wire, "parent", parent);
    put(to_wire, "transmit", transmit);
    put(to_wire, "routing", routing);
    put(to_wire, "extra", extra);
    put(to_wire, "reduce_only", reduce_only);
    return to_wire;
  }
};

/**
 * `modify_order`: change what is given, keep the rest as it stands.
 *
 * `transmit`: hand a staged order on to the market. What an `order_type` does not take is dropped.
 */
struct ModifyOrder {
  std::string strategy;
  std::string client_order_id;
  std::optional<double> quantity;
  std::optional<double> limit_price;
  std::optional<double> stop_price;
  std::optional<double> trail_amount;
  std::optional<double> trail_percent;
  std::optional<double> trail_stop_price;
  std::optional<double> limit_offset;
  std::optional<double> offset;
  std::optional<std::string> order_type;
  std::optional<std::string> tif;
  std::optional<std::string> good_till;
  std::optional<bool> outside_rth;
  std::optional<std::int64_t> display_size;
  std::optional<bool> transmit;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "quantity", quantity) && get(from_wire, "limit_price", limit_price) && get(from_wire, "stop_price", stop_price) && get(from_wire, "trail_amount", trail_amount) && get(from_wire, "trail_percent", trail_percent) && get(from_wire, "trail_stop_price", trail_stop_price) && get(from_wire, "limit_offset", limit_offset) && get(from_wire, "offset", offset) && get(from_wire, "order_type", order_type) && get(from_wire, "tif", tif) && get(from_wire, "good_till", good_till) && get(from_wire, "outside_rth", outside_rth) && get(from_wire, "display_size", display_size) && get(from_wire, "transmit", transmit);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "quantity", quantity);
    put(to_wire, "limit_price", limit_price);
    put(to_wire, "stop_price", stop_price);
    put(to_wire, "trail_amount", trail_amount);
    put(to_wire, "trail_percent", trail_percent);
    put(to_wire, "trail_stop_price", trail_stop_price);
    put(to_wire, "limit_offset", limit_offset);
    put(to_wire, "offset", offset);
    put(to_wire, "order_type", order_type);
    put(to_wire, "tif", tif);
    put(to_wire, "good_till", good_till);
    put(to_wire, "outside_rth", outside_rth);
    put(to_wire, "display_size", display_size);
    put(to_wire, "transmit", transmit);
    return to_wire;
  }
};

/**
 * `cancel_order`.
 */
struct CancelOrder {
  std::string strategy;
  std::string client_order_id;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    return to_wire;
  }
};

/**
 * `get_orders`: all orders, finished ones too, oldest first; each argument narrows. `since`: ns, only
 * those with an event then or later.
 */
struct GetOrders {
  std::optional<std::string> strategy;
  std::optional<std::string> client_order_id;
  std::optional<bool> active;
  std::optional<std::int64_t> since;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "active", active) && get(from_wire, "since", since);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "active", active);
    put(to_wire, "since", since);
    return to_wire;
  }
};

/**
 * `place_orders`: all of them or none. `link` says what ties them at the gateway.
 *
 * bracket: the first is the parent; the others work once it is filled and die with it; an exit that
 * its entry's price would trigger at once is refused. oca: a fill of one cancels or reduces the rest
 * (`oca_type`: 1 cancel, 2 reduce, 3 reduce without block). none: nothing.
 */
struct PlaceOrders {
  std::vector<PlaceOrder> orders;
  std::optional<std::string> link;
  std::optional<std::int64_t> oca_type;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "orders", orders) && get(from_wire, "link", link) && get(from_wire, "oca_type", oca_type);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "orders", orders);
    put(to_wire, "link", link);
    put(to_wire, "oca_type", oca_type);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "account", account) && get(from_wire, "instrument", instrument) && get(from_wire, "all", all);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "account", account);
    put(to_wire, "instrument", instrument);
    put(to_wire, "all", all);
    return to_wire;
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
  std::optional<std::vector<std::optional<double>>> leg_prices;
  std::optional<std::string> parent;
  std::optional<bool> transmit;
  std::optional<Map<std::string>> routing;
  std::optional<Map<Value>> extra;
  std::optional<bool> reduce_only;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "instrument", instrument) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "order_type", order_type) && get(from_wire, "limit_price", limit_price) && get(from_wire, "stop_price", stop_price) && get(from_wire, "tif", tif) && get(from_wire, "account", account) && get(from_wire, "outside_rth", outside_rth) && get(from_wire, "trail_amount", trail_amount) && get(from_wire, "trail_percent", trail_percent) && get(from_wire, "trail_stop_price", trail_stop_price) && get(from_wire, "limit_offset", limit_offset) && get(from_wire, "offset", offset) && get(from_wire, "cash_quantity", cash_quantity) && get(from_wire, "good_till", good_till) && get(from_wire, "good_after", good_after) && get(from_wire, "display_size", display_size) && get(from_wire, "min_quantity", min_quantity) && get(from_wire, "all_or_none", all_or_none) && get(from_wire, "hidden", hidden) && get(from_wire, "oca_group", oca_group) && get(from_wire, "oca_type", oca_type) && get(from_wire, "algo", algo) && get(from_wire, "conditions", conditions) && get(from_wire, "conditions_cancel", conditions_cancel) && get(from_wire, "conditions_ignore_rth", conditions_ignore_rth) && get(from_wire, "leg_prices", leg_prices) && get(from_wire, "parent", parent) && get(from_wire, "transmit", transmit) && get(from_wire, "routing", routing) && get(from_wire, "extra", extra) && get(from_wire, "reduce_only", reduce_only);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "instrument", instrument);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "order_type", order_type);
    put(to_wire, "limit_price", limit_price);
    put(to_wire, "stop_price", stop_price);
    put(to_wire, "tif", tif);
    put(to_wire, "account", account);
    put(to_wire, "outside_rth", outside_rth);
    put(to_wire, "trail_amount", trail_amount);
    put(to_wire, "trail_percent", trail_percent);
    put(to_wire, "trail_stop_price", trail_stop_price);
    put(to_wire, "limit_offset", limit_offset);
    put(to_wire, "offset", offset);
    put(to_wire, "cash_quantity", cash_quantity);
    put(to_wire, "good_till", good_till);
    put(to_wire, "good_after", good_after);
    put(to_wire, "display_size", display_size);
    put(to_wire, "min_quantity", min_quantity);
    put(to_wire, "all_or_none", all_or_none);
    put(to_wire, "hidden", hidden);
    put(to_wire, "oca_group", oca_group);
    put(to_wire, "oca_type", oca_type);
    put(to_wire, "algo", algo);
    put(to_wire, "conditions", conditions);
    put(to_wire, "conditions_cancel", conditions_cancel);
    put(to_wire, "conditions_ignore_rth", conditions_ignore_rth);
    put(to_wire, "leg_prices", leg_prices);
    put(to_wire, "parent", parent);
    put(to_wire, "transmit", transmit);
    put(to_wire, "routing", routing);
    put(to_wire, "extra", extra);
    put(to_wire, "reduce_only", reduce_only);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "account", account) && get(from_wire, "since", since);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "account", account);
    put(to_wire, "since", since);
    return to_wire;
  }
};

/**
 * `account_executions`: executions in all accounts, whoever placed the order, as the gateway has reported
 * them; oldest first. `foreign`: only those of orders that were not placed here.
 */
struct GetAccountExecutions {
  std::optional<std::string> account;
  std::optional<std::int64_t> since;
  std::optional<bool> foreign;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "account", account) && get(from_wire, "since", since) && get(from_wire, "foreign", foreign);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "account", account);
    put(to_wire, "since", since);
    put(to_wire, "foreign", foreign);
    return to_wire;
  }
};

/**
 * `cancel_foreign_order`: an operator ends an order that was not placed here.
 */
struct CancelForeignOrder {
  std::int64_t perm_id = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "perm_id", perm_id);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "perm_id", perm_id);
    return to_wire;
  }
};

/**
 * `exercise_option`: exercise an option that is held, or let it lapse. Its key is that of an order.
 *
 * `override`: against what the gateway would do by itself, such as exercising what is out of the money.
 */
struct ExerciseOption {
  std::string strategy;
  std::string client_order_id;
  std::string instrument;
  std::int64_t quantity = 0;
  std::optional<std::string> action;
  std::optional<std::string> account;
  std::optional<bool> override;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "instrument", instrument) && get(from_wire, "quantity", quantity) && get(from_wire, "action", action) && get(from_wire, "account", account) && get(from_wire, "override", override);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "instrument", instrument);
    put(to_wire, "quantity", quantity);
    put(to_wire, "action", action);
    put(to_wire, "account", account);
    put(to_wire, "override", override);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "after", after) && get(from_wire, "strategy", strategy) && get(from_wire, "limit", limit);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "after", after);
    put(to_wire, "strategy", strategy);
    put(to_wire, "limit", limit);
    return to_wire;
  }
};

/**
 * `halt`: no new orders of `strategy`, or of anybody; `cancel` also ends what works.
 */
struct Halt {
  std::string reason;
  std::optional<std::string> strategy;
  std::optional<bool> cancel;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "reason", reason) && get(from_wire, "strategy", strategy) && get(from_wire, "cancel", cancel);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "reason", reason);
    put(to_wire, "strategy", strategy);
    put(to_wire, "cancel", cancel);
    return to_wire;
  }
};

/**
 * `resume`: takes back the halt of `strategy`, or the general one.
 */
struct Resume {
  std::optional<std::string> strategy;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    return to_wire;
  }
};

/**
 * SPEC's table of limits is written from this class (`make vectors`): each with its meaning below it.
 */
struct RiskLimits {
  std::optional<double> max_order_quantity;
  std::optional<double> max_order_notional;
  std::optional<double> max_position;
  std::optional<double> price_collar;
  std::optional<std::string> round;
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
  std::optional<bool> reduce_only_passes;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "max_order_quantity", max_order_quantity) && get(from_wire, "max_order_notional", max_order_notional) && get(from_wire, "max_position", max_position) && get(from_wire, "price_collar", price_collar) && get(from_wire, "round", round) && get(from_wire, "max_open_orders", max_open_orders) && get(from_wire, "max_orders_per_side", max_orders_per_side) && get(from_wire, "max_orders_per_second", max_orders_per_second) && get(from_wire, "max_daily_loss", max_daily_loss) && get(from_wire, "duplicate_s", duplicate_s) && get(from_wire, "instruments", instruments) && get(from_wire, "order_types", order_types) && get(from_wire, "trading_windows", trading_windows) && get(from_wire, "time_zone", time_zone) && get(from_wire, "missing", missing) && get(from_wire, "reduce_only_passes", reduce_only_passes);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "max_order_quantity", max_order_quantity);
    put(to_wire, "max_order_notional", max_order_notional);
    put(to_wire, "max_position", max_position);
    put(to_wire, "price_collar", price_collar);
    put(to_wire, "round", round);
    put(to_wire, "max_open_orders", max_open_orders);
    put(to_wire, "max_orders_per_side", max_orders_per_side);
    put(to_wire, "max_orders_per_second", max_orders_per_second);
    put(to_wire, "max_daily_loss", max_daily_loss);
    put(to_wire, "duplicate_s", duplicate_s);
    put(to_wire, "instruments", instruments);
    put(to_wire, "order_types", order_types);
    put(to_wire, "trading_windows", trading_windows);
    put(to_wire, "time_zone", time_zone);
    put(to_wire, "missing", missing);
    put(to_wire, "reduce_only_passes", reduce_only_passes);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "scope", scope) && get(from_wire, "limits", limits) && get(from_wire, "name", name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "scope", scope);
    put(to_wire, "limits", limits);
    put(to_wire, "name", name);
    return to_wire;
  }
};

/**
 * `adopt_order`: take a foreign order over under a key of one's own.
 */
struct AdoptOrder {
  std::string strategy;
  std::string client_order_id;
  std::int64_t perm_id = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "perm_id", perm_id);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "perm_id", perm_id);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "status", status) && get(from_wire, "reason", reason);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "status", status);
    put(to_wire, "reason", reason);
    return to_wire;
  }
};

/**
 * `snapshot`: one quote, once. `regulatory`: from all exchanges, at IBKR's fee for each. `data`: which
 * data it may be made of, as configured unless given.
 */
struct Snapshot {
  std::string instrument;
  std::optional<bool> regulatory;
  std::optional<std::string> data;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "regulatory", regulatory) && get(from_wire, "data", data);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "regulatory", regulatory);
    put(to_wire, "data", data);
    return to_wire;
  }
};

/**
 * `subscribe`: what subscribing to `topic` would give. It holds no line: subscribing itself does.
 */
struct Subscribe {
  std::string topic;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "topic", topic);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "topic", topic);
    return to_wire;
  }
};

/**
 * `retry`: ask the gateway once more for a stream that it, or a look-up, refused.
 */
struct Retry {
  std::string topic;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "topic", topic);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "topic", topic);
    return to_wire;
  }
};

/**
 */
struct OpDescription {
  std::string op;
  std::string summary;
  Map<Value> args;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "op", op) && get(from_wire, "summary", summary) && get(from_wire, "args", args);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "op", op);
    put(to_wire, "summary", summary);
    put(to_wire, "args", args);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "version", version) && get(from_wire, "protocol", protocol) && get(from_wire, "incarnation", incarnation) && get(from_wire, "ops", ops) && get(from_wire, "topics", topics) && get(from_wire, "requests", requests) && get(from_wire, "events", events);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "version", version);
    put(to_wire, "protocol", protocol);
    put(to_wire, "incarnation", incarnation);
    put(to_wire, "ops", ops);
    put(to_wire, "topics", topics);
    put(to_wire, "requests", requests);
    put(to_wire, "events", events);
    return to_wire;
  }
};

/**
 * One series. `value`: of a histogram the sum; `buckets`: counts up to and including each bound of the
 * metric and, last, all.
 */
struct Sample {
  std::optional<Map<std::string>> labels;
  double value = 0;
  std::optional<std::vector<std::int64_t>> buckets;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "labels", labels) && get(from_wire, "value", value) && get(from_wire, "buckets", buckets);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "labels", labels);
    put(to_wire, "value", value);
    put(to_wire, "buckets", buckets);
    return to_wire;
  }
};

/**
 * `name` without prefix; kind, text and bounds are those of `METRICS`, repeated for other languages.
 */
struct MetricSamples {
  std::string name;
  std::string kind;
  std::string text;
  std::vector<double> bounds;
  std::vector<Sample> samples;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "kind", kind) && get(from_wire, "text", text) && get(from_wire, "bounds", bounds) && get(from_wire, "samples", samples);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "kind", kind);
    put(to_wire, "text", text);
    put(to_wire, "bounds", bounds);
    put(to_wire, "samples", samples);
    return to_wire;
  }
};

/**
 * Result of `metrics`: what this process has counted since it started.
 */
struct Metrics {
  std::string name;
  std::int64_t incarnation = 0;
  std::vector<MetricSamples> metrics;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "incarnation", incarnation) && get(from_wire, "metrics", metrics);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "incarnation", incarnation);
    put(to_wire, "metrics", metrics);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "state", state) && get(from_wire, "pid", pid) && get(from_wire, "client_id", client_id) && get(from_wire, "restarts", restarts) && get(from_wire, "uptime_s", uptime_s) && get(from_wire, "reason", reason);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "state", state);
    put(to_wire, "pid", pid);
    put(to_wire, "client_id", client_id);
    put(to_wire, "restarts", restarts);
    put(to_wire, "uptime_s", uptime_s);
    put(to_wire, "reason", reason);
    return to_wire;
  }
};

/**
 * Result of `status` (supervisor): a row per process, and the link as connection last reported it.
 * `data_dir`: of which data folder it is, since two clusters may be meant for the same ports.
 */
struct ClusterStatus {
  std::vector<ProcessRow> processes;
  std::optional<Map<Value>> gateway;
  std::optional<std::string> data_dir;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "processes", processes) && get(from_wire, "gateway", gateway) && get(from_wire, "data_dir", data_dir);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "processes", processes);
    put(to_wire, "gateway", gateway);
    put(to_wire, "data_dir", data_dir);
    return to_wire;
  }
};

/**
 * Result of `restart`: it is being ended. `process/<name>/` shows the rest.
 */
struct Restarting {
  std::string name;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    return to_wire;
  }
};

/**
 * On its way to being ready it was so long in this state, for this reason.
 */
struct Waited {
  std::string state;
  double seconds = 0;
  std::optional<std::string> reason;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "state", state) && get(from_wire, "seconds", seconds) && get(from_wire, "reason", reason);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "state", state);
    put(to_wire, "seconds", seconds);
    put(to_wire, "reason", reason);
    return to_wire;
  }
};

/**
 * `retry_in_s`: until it is started again, nil for one that runs. `ready_after_s`: from this run's start
 * to its first being ready, nil if it was not yet. `waited`: what that time went into, also while it still
 * goes on. `cpu`: of one processor, by its last heartbeat; `loop_lag_s`: how late its loop was since the
 * one before. `changes`: the last ones, the newest last.
 */
struct ProcessStory {
  std::string name;
  std::string state;
  std::optional<std::string> reason;
  std::optional<std::int64_t> pid;
  std::optional<std::int64_t> restarts;
  std::optional<double> uptime_s;
  std::optional<double> retry_in_s;
  std::optional<double> ready_after_s;
  std::optional<std::vector<Waited>> waited;
  std::optional<double> cpu;
  std::optional<std::int64_t> memory_bytes;
  std::optional<double> loop_lag_s;
  std::optional<std::vector<Change>> changes;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "state", state) && get(from_wire, "reason", reason) && get(from_wire, "pid", pid) && get(from_wire, "restarts", restarts) && get(from_wire, "uptime_s", uptime_s) && get(from_wire, "retry_in_s", retry_in_s) && get(from_wire, "ready_after_s", ready_after_s) && get(from_wire, "waited", waited) && get(from_wire, "cpu", cpu) && get(from_wire, "memory_bytes", memory_bytes) && get(from_wire, "loop_lag_s", loop_lag_s) && get(from_wire, "changes", changes);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "state", state);
    put(to_wire, "reason", reason);
    put(to_wire, "pid", pid);
    put(to_wire, "restarts", restarts);
    put(to_wire, "uptime_s", uptime_s);
    put(to_wire, "retry_in_s", retry_in_s);
    put(to_wire, "ready_after_s", ready_after_s);
    put(to_wire, "waited", waited);
    put(to_wire, "cpu", cpu);
    put(to_wire, "memory_bytes", memory_bytes);
    put(to_wire, "loop_lag_s", loop_lag_s);
    put(to_wire, "changes", changes);
    return to_wire;
  }
};

/**
 * Result of `explain`, in the order in which processes start.
 */
struct Stories {
  std::vector<ProcessStory> processes;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "processes", processes);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "processes", processes);
    return to_wire;
  }
};

/**
 * A key of the configuration that is other in the file than in a process that runs. `restart`: those
 * that have to be restarted; the whole cluster, if `cluster`; neither: it holds from now on.
 */
struct ChangedKey {
  std::string key;
  std::vector<std::string> restart;
  bool cluster = false;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "key", key) && get(from_wire, "restart", restart) && get(from_wire, "cluster", cluster);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "key", key);
    put(to_wire, "restart", restart);
    put(to_wire, "cluster", cluster);
    return to_wire;
  }
};

/**
 * Result of `reload`: what is other in the file now, and what each change asks for.
 */
struct Reloaded {
  std::optional<std::string> file;
  std::vector<ChangedKey> changed;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "file", file) && get(from_wire, "changed", changed);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "file", file);
    put(to_wire, "changed", changed);
    return to_wire;
  }
};

/**
 * Result of `stop` (supervisor): everything is gone once `lock`, a file, is no longer locked (flock).
 */
struct Stopping {
  std::int64_t pid = 0;
  std::string lock;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "pid", pid) && get(from_wire, "lock", lock);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "pid", pid);
    put(to_wire, "lock", lock);
    return to_wire;
  }
};

/**
 * One contract of the gateway's database; texts are the gateway's own, nil where it has none.
 *
 * `instrument` is the canonical spelling, the same in positions. `order_types` and `valid_exchanges` are
 * comma lists, `market_rule_ids` one that goes with `valid_exchanges`; hours are the gateway's text, in
 * `time_zone_id`. Sizes are in units of the instrument, prices in its currency divided by `price_magnifier`
 * (100: pence). `sec_ids`: ISIN and the like, by their names. `extra`: what else the gateway says of it (of
 * bonds, funds, event contracts), under ibapi's names.
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
  std::optional<std::int64_t> price_magnifier;
  std::optional<std::string> order_types;
  std::optional<std::string> valid_exchanges;
  std::optional<std::string> time_zone_id;
  std::optional<std::string> trading_hours;
  std::optional<std::string> liquid_hours;
  std::optional<std::string> market_rule_ids;
  std::optional<std::int64_t> under_con_id;
  std::optional<std::string> under_symbol;
  std::optional<std::string> under_sec_type;
  std::optional<std::string> contract_month;
  std::optional<std::string> real_expiration;
  std::optional<std::string> last_trade_time;
  std::optional<std::string> stock_type;
  std::optional<std::string> industry;
  std::optional<std::string> category;
  std::optional<std::string> subcategory;
  std::optional<Map<std::string>> sec_ids;
  std::optional<double> suggested_size_increment;
  std::optional<std::string> market_name;
  std::optional<std::string> maturity;
  std::optional<double> coupon;
  std::optional<Map<Value>> extra;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "sec_type", sec_type) && get(from_wire, "symbol", symbol) && get(from_wire, "exchange", exchange) && get(from_wire, "primary_exchange", primary_exchange) && get(from_wire, "currency", currency) && get(from_wire, "local_symbol", local_symbol) && get(from_wire, "trading_class", trading_class) && get(from_wire, "expiry", expiry) && get(from_wire, "right", right) && get(from_wire, "strike", strike) && get(from_wire, "multiplier", multiplier) && get(from_wire, "long_name", long_name) && get(from_wire, "min_tick", min_tick) && get(from_wire, "min_size", min_size) && get(from_wire, "size_increment", size_increment) && get(from_wire, "price_magnifier", price_magnifier) && get(from_wire, "order_types", order_types) && get(from_wire, "valid_exchanges", valid_exchanges) && get(from_wire, "time_zone_id", time_zone_id) && get(from_wire, "trading_hours", trading_hours) && get(from_wire, "liquid_hours", liquid_hours) && get(from_wire, "market_rule_ids", market_rule_ids) && get(from_wire, "under_con_id", under_con_id) && get(from_wire, "under_symbol", under_symbol) && get(from_wire, "under_sec_type", under_sec_type) && get(from_wire, "contract_month", contract_month) && get(from_wire, "real_expiration", real_expiration) && get(from_wire, "last_trade_time", last_trade_time) && get(from_wire, "stock_type", stock_type) && get(from_wire, "industry", industry) && get(from_wire, "category", category) && get(from_wire, "subcategory", subcategory) && get(from_wire, "sec_ids", sec_ids) && get(from_wire, "suggested_size_increment", suggested_size_increment) && get(from_wire, "market_name", market_name) && get(from_wire, "maturity", maturity) && get(from_wire, "coupon", coupon) && get(from_wire, "extra", extra);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "symbol", symbol);
    put(to_wire, "exchange", exchange);
    put(to_wire, "primary_exchange", primary_exchange);
    put(to_wire, "currency", currency);
    put(to_wire, "local_symbol", local_symbol);
    put(to_wire, "trading_class", trading_class);
    put(to_wire, "expiry", expiry);
    put(to_wire, "right", right);
    put(to_wire, "strike", strike);
    put(to_wire, "multiplier", multiplier);
    put(to_wire, "long_name", long_name);
    put(to_wire, "min_tick", min_tick);
    put(to_wire, "min_size", min_size);
    put(to_wire, "size_increment", size_increment);
    put(to_wire, "price_magnifier", price_magnifier);
    put(to_wire, "order_types", order_types);
    put(to_wire, "valid_exchanges", valid_exchanges);
    put(to_wire, "time_zone_id", time_zone_id);
    put(to_wire, "trading_hours", trading_hours);
    put(to_wire, "liquid_hours", liquid_hours);
    put(to_wire, "market_rule_ids", market_rule_ids);
    put(to_wire, "under_con_id", under_con_id);
    put(to_wire, "under_symbol", under_symbol);
    put(to_wire, "under_sec_type", under_sec_type);
    put(to_wire, "contract_month", contract_month);
    put(to_wire, "real_expiration", real_expiration);
    put(to_wire, "last_trade_time", last_trade_time);
    put(to_wire, "stock_type", stock_type);
    put(to_wire, "industry", industry);
    put(to_wire, "category", category);
    put(to_wire, "subcategory", subcategory);
    put(to_wire, "sec_ids", sec_ids);
    put(to_wire, "suggested_size_increment", suggested_size_increment);
    put(to_wire, "market_name", market_name);
    put(to_wire, "maturity", maturity);
    put(to_wire, "coupon", coupon);
    put(to_wire, "extra", extra);
    return to_wire;
  }
};

/**
 * Result of `contract_details`, in the order of the conIds. Empty only after the last one: an unknown
 * contract is `gateway_rejected` with 200.
 *
 * `next`: as `after` for more, nil at the end.
 */
struct ContractList {
  std::vector<ContractRow> contracts;
  std::optional<std::int64_t> next;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "contracts", contracts) && get(from_wire, "next", next);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "contracts", contracts);
    put(to_wire, "next", next);
    return to_wire;
  }
};

/**
 * What tells one contract from another.
 */
struct ListedContract {
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "sec_type", sec_type) && get(from_wire, "symbol", symbol) && get(from_wire, "exchange", exchange) && get(from_wire, "primary_exchange", primary_exchange) && get(from_wire, "currency", currency) && get(from_wire, "local_symbol", local_symbol) && get(from_wire, "trading_class", trading_class) && get(from_wire, "expiry", expiry) && get(from_wire, "right", right) && get(from_wire, "strike", strike) && get(from_wire, "multiplier", multiplier) && get(from_wire, "long_name", long_name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "symbol", symbol);
    put(to_wire, "exchange", exchange);
    put(to_wire, "primary_exchange", primary_exchange);
    put(to_wire, "currency", currency);
    put(to_wire, "local_symbol", local_symbol);
    put(to_wire, "trading_class", trading_class);
    put(to_wire, "expiry", expiry);
    put(to_wire, "right", right);
    put(to_wire, "strike", strike);
    put(to_wire, "multiplier", multiplier);
    put(to_wire, "long_name", long_name);
    return to_wire;
  }
};

/**
 * Result of `qualify`. `contract` is nil when several match: then `candidates` are the first hundred of
 * the `matches`, and `told_apart_by` the fewest fields that name one of them.
 */
struct Qualified {
  std::optional<ContractRow> contract;
  std::vector<ListedContract> candidates;
  std::vector<std::string> told_apart_by;
  std::int64_t matches = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "contract", contract) && get(from_wire, "candidates", candidates) && get(from_wire, "told_apart_by", told_apart_by) && get(from_wire, "matches", matches);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "contract", contract);
    put(to_wire, "candidates", candidates);
    put(to_wire, "told_apart_by", told_apart_by);
    put(to_wire, "matches", matches);
    return to_wire;
  }
};

/**
 * Result of `option_chain`. `expiries`: all there are, YYYYMMDD. `contracts`: by expiry, right and
 * strike; whole expiries, about two thousand. `next`: as `after` for more, nil at the end.
 */
struct OptionChain {
  std::string underlying;
  std::int64_t con_id = 0;
  std::vector<std::string> expiries;
  std::vector<ListedContract> contracts;
  std::optional<std::string> next;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "underlying", underlying) && get(from_wire, "con_id", con_id) && get(from_wire, "expiries", expiries) && get(from_wire, "contracts", contracts) && get(from_wire, "next", next);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "underlying", underlying);
    put(to_wire, "con_id", con_id);
    put(to_wire, "expiries", expiries);
    put(to_wire, "contracts", contracts);
    put(to_wire, "next", next);
    return to_wire;
  }
};

/**
 * `derivatives`: the kinds of contract there are on it.
 */
struct FoundSymbol {
  std::string instrument;
  std::int64_t con_id = 0;
  std::string sec_type;
  std::string symbol;
  std::optional<std::string> primary_exchange;
  std::optional<std::string> currency;
  std::optional<std::string> long_name;
  std::optional<std::vector<std::string>> derivatives;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "sec_type", sec_type) && get(from_wire, "symbol", symbol) && get(from_wire, "primary_exchange", primary_exchange) && get(from_wire, "currency", currency) && get(from_wire, "long_name", long_name) && get(from_wire, "derivatives", derivatives);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "symbol", symbol);
    put(to_wire, "primary_exchange", primary_exchange);
    put(to_wire, "currency", currency);
    put(to_wire, "long_name", long_name);
    put(to_wire, "derivatives", derivatives);
    return to_wire;
  }
};

/**
 * Result of `search`: at most 16, in the gateway's order.
 */
struct FoundSymbols {
  std::vector<FoundSymbol> contracts;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "contracts", contracts);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "contracts", contracts);
    return to_wire;
  }
};

/**
 * `open` and `close`: ns. `date`: the trading day it counts for, YYYYMMDD.
 */
struct SessionRow {
  std::int64_t open = 0;
  std::int64_t close = 0;
  std::string date;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "open", open) && get(from_wire, "close", close) && get(from_wire, "date", date);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "open", open);
    put(to_wire, "close", close);
    put(to_wire, "date", date);
    return to_wire;
  }
};

/**
 * Result of `trading_hours`. `trading`: all sessions, `liquid`: the regular ones. `closed`: days
 * (YYYYMMDD) of which the gateway says that there is none. `time_zone`: an IANA name, `time_zone_id`: the
 * gateway's own.
 */
struct TradingHours {
  std::int64_t con_id = 0;
  std::string time_zone;
  std::string time_zone_id;
  std::vector<SessionRow> trading;
  std::vector<SessionRow> liquid;
  std::vector<std::string> closed;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "con_id", con_id) && get(from_wire, "time_zone", time_zone) && get(from_wire, "time_zone_id", time_zone_id) && get(from_wire, "trading", trading) && get(from_wire, "liquid", liquid) && get(from_wire, "closed", closed);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "time_zone", time_zone);
    put(to_wire, "time_zone_id", time_zone_id);
    put(to_wire, "trading", trading);
    put(to_wire, "liquid", liquid);
    put(to_wire, "closed", closed);
    return to_wire;
  }
};

/**
 * `increment`: the price's step from `low` on.
 */
struct PriceIncrement {
  double low = 0;
  double increment = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "low", low) && get(from_wire, "increment", increment);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "low", low);
    put(to_wire, "increment", increment);
    return to_wire;
  }
};

/**
 * `rule`: the gateway's number of it.
 */
struct ExchangeRule {
  std::string exchange;
  std::int64_t rule = 0;
  std::vector<PriceIncrement> increments;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "exchange", exchange) && get(from_wire, "rule", rule) && get(from_wire, "increments", increments);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "exchange", exchange);
    put(to_wire, "rule", rule);
    put(to_wire, "increments", increments);
    return to_wire;
  }
};

/**
 * Result of `market_rule`. `min_tick`: the smallest step on any exchange at any price.
 */
struct MarketRules {
  std::string instrument;
  std::int64_t con_id = 0;
  std::optional<double> min_tick;
  std::optional<double> min_size;
  std::optional<double> size_increment;
  std::optional<std::int64_t> price_magnifier;
  std::vector<ExchangeRule> rules;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "min_tick", min_tick) && get(from_wire, "min_size", min_size) && get(from_wire, "size_increment", size_increment) && get(from_wire, "price_magnifier", price_magnifier) && get(from_wire, "rules", rules);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "min_tick", min_tick);
    put(to_wire, "min_size", min_size);
    put(to_wire, "size_increment", size_increment);
    put(to_wire, "price_magnifier", price_magnifier);
    put(to_wire, "rules", rules);
    return to_wire;
  }
};

/**
 */
struct NewsProvider {
  std::string code;
  std::string name;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "code", code) && get(from_wire, "name", name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "code", code);
    put(to_wire, "name", name);
    return to_wire;
  }
};

/**
 * Result of `news_providers`: those the user may read.
 */
struct NewsProviders {
  std::vector<NewsProvider> providers;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "providers", providers);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "providers", providers);
    return to_wire;
  }
};

/**
 * Result of `news`. `more`: there are others.
 */
struct Headlines {
  std::vector<Headline> headlines;
  bool more = false;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "headlines", headlines) && get(from_wire, "more", more);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "headlines", headlines);
    put(to_wire, "more", more);
    return to_wire;
  }
};

/**
 * Result of `article`. `kind`: `text` (may be HTML) or `pdf` (base64).
 */
struct Article {
  std::string kind;
  std::string text;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "kind", kind) && get(from_wire, "text", text);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "kind", kind);
    put(to_wire, "text", text);
    return to_wire;
  }
};

/**
 * Result of `wsh_meta`: kinds of events and the keys of filters, the JSON that the gateway sends.
 */
struct WshMeta {
  Value meta;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "meta", meta);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "meta", meta);
    return to_wire;
  }
};

/**
 * Result of `wsh_events`: the JSON that the gateway sends, as it is.
 */
struct WshEvents {
  Value events;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "events", events);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "events", events);
    return to_wire;
  }
};

/**
 * Result of `fundamentals`: the XML that the gateway sends, as it is.
 */
struct Fundamentals {
  std::string report;
  std::string xml;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "report", report) && get(from_wire, "xml", xml);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "report", report);
    put(to_wire, "xml", xml);
    return to_wire;
  }
};

/**
 * Result of `fa_groups`: the XML that the gateway sends, as it is.
 */
struct FaGroups {
  std::string list;
  std::string xml;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "list", list) && get(from_wire, "xml", xml);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "list", list);
    put(to_wire, "xml", xml);
    return to_wire;
  }
};

/**
 * Result of `replace_fa_groups`: what the gateway says of it.
 */
struct FaGroupsReplaced {
  std::string message;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "message", message);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "message", message);
    return to_wire;
  }
};

/**
 * Result of `scanner`, best first.
 */
struct Scanned {
  std::vector<ScannerRow> rows;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "rows", rows);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "rows", rows);
    return to_wire;
  }
};

/**
 * `kind`: `instrument_type`, `location`, `scan` or `filter`, as an argument of `scanner`.
 */
struct ScannerParameter {
  std::string kind;
  std::string code;
  std::string name;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "kind", kind) && get(from_wire, "code", code) && get(from_wire, "name", name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "kind", kind);
    put(to_wire, "code", code);
    put(to_wire, "name", name);
    return to_wire;
  }
};

/**
 * Result of `scanner_parameters`. `total`: so many there are.
 */
struct ScannerParameterList {
  std::vector<ScannerParameter> parameters;
  std::int64_t total = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "parameters", parameters) && get(from_wire, "total", total);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "parameters", parameters);
    put(to_wire, "total", total);
    return to_wire;
  }
};

/**
 * Result of `implied_volatility` and `option_price`, by the gateway's own model.
 */
struct OptionValue {
  std::int64_t con_id = 0;
  std::optional<double> option_price;
  std::optional<double> implied_volatility;
  std::optional<double> under_price;
  std::optional<double> delta;
  std::optional<double> gamma;
  std::optional<double> vega;
  std::optional<double> theta;
  std::optional<double> pv_dividend;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "con_id", con_id) && get(from_wire, "option_price", option_price) && get(from_wire, "implied_volatility", implied_volatility) && get(from_wire, "under_price", under_price) && get(from_wire, "delta", delta) && get(from_wire, "gamma", gamma) && get(from_wire, "vega", vega) && get(from_wire, "theta", theta) && get(from_wire, "pv_dividend", pv_dividend);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "con_id", con_id);
    put(to_wire, "option_price", option_price);
    put(to_wire, "implied_volatility", implied_volatility);
    put(to_wire, "under_price", under_price);
    put(to_wire, "delta", delta);
    put(to_wire, "gamma", gamma);
    put(to_wire, "vega", vega);
    put(to_wire, "theta", theta);
    put(to_wire, "pv_dividend", pv_dividend);
    return to_wire;
  }
};

/**
 * `kind`: Deep (one order book) or Deep2 (with market makers). `group`: exchanges of one SMART book.
 */
struct DepthExchangeRow {
  std::string exchange;
  std::string sec_type;
  std::optional<std::string> listing_exchange;
  std::optional<std::string> kind;
  std::optional<std::int64_t> group;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "exchange", exchange) && get(from_wire, "sec_type", sec_type) && get(from_wire, "listing_exchange", listing_exchange) && get(from_wire, "kind", kind) && get(from_wire, "group", group);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "exchange", exchange);
    put(to_wire, "sec_type", sec_type);
    put(to_wire, "listing_exchange", listing_exchange);
    put(to_wire, "kind", kind);
    put(to_wire, "group", group);
    return to_wire;
  }
};

/**
 * Result of `market_depth_exchanges`.
 */
struct DepthExchanges {
  std::vector<DepthExchangeRow> exchanges;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "exchanges", exchanges);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "exchanges", exchanges);
    return to_wire;
  }
};

/**
 */
struct SmartComponent {
  std::int64_t bit = 0;
  std::string exchange;
  std::string letter;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "bit", bit) && get(from_wire, "exchange", exchange) && get(from_wire, "letter", letter);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "bit", bit);
    put(to_wire, "exchange", exchange);
    put(to_wire, "letter", letter);
    return to_wire;
  }
};

/**
 * Result of `smart_components`.
 */
struct SmartComponents {
  std::vector<SmartComponent> components;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "components", components);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "components", components);
    return to_wire;
  }
};

/**
 * Result of `user_info`: the user's white branding, nil without.
 */
struct UserInfo {
  std::optional<std::string> white_branding_id;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "white_branding_id", white_branding_id);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "white_branding_id", white_branding_id);
    return to_wire;
  }
};

/**
 * Bars by columns, all of one length; fields as in a row.
 */
struct BarColumns {
  std::optional<std::vector<std::int64_t>> time;
  std::optional<std::vector<std::optional<double>>> open;
  std::optional<std::vector<std::optional<double>>> high;
  std::optional<std::vector<std::optional<double>>> low;
  std::optional<std::vector<std::optional<double>>> close;
  std::optional<std::vector<std::optional<double>>> volume;
  std::optional<std::vector<std::optional<double>>> wap;
  std::optional<std::vector<std::optional<std::int64_t>>> count;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "time", time) && get(from_wire, "open", open) && get(from_wire, "high", high) && get(from_wire, "low", low) && get(from_wire, "close", close) && get(from_wire, "volume", volume) && get(from_wire, "wap", wap) && get(from_wire, "count", count);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "time", time);
    put(to_wire, "open", open);
    put(to_wire, "high", high);
    put(to_wire, "low", low);
    put(to_wire, "close", close);
    put(to_wire, "volume", volume);
    put(to_wire, "wap", wap);
    put(to_wire, "count", count);
    return to_wire;
  }
};

/**
 * Bars by columns, each as bytes, eight for a bar, little-endian: `time` 64-bit integers, ns, all others
 * 64-bit floats, NaN where there is nothing; fields as in a row.
 */
struct PackedBars {
  std::optional<Bytes> time;
  std::optional<Bytes> open;
  std::optional<Bytes> high;
  std::optional<Bytes> low;
  std::optional<Bytes> close;
  std::optional<Bytes> volume;
  std::optional<Bytes> wap;
  std::optional<Bytes> count;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "time", time) && get(from_wire, "open", open) && get(from_wire, "high", high) && get(from_wire, "low", low) && get(from_wire, "close", close) && get(from_wire, "volume", volume) && get(from_wire, "wap", wap) && get(from_wire, "count", count);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "time", time);
    put(to_wire, "open", open);
    put(to_wire, "high", high);
    put(to_wire, "low", low);
    put(to_wire, "close", close);
    put(to_wire, "volume", volume);
    put(to_wire, "wap", wap);
    put(to_wire, "count", count);
    return to_wire;
  }
};

/**
 * Result of `bars`. `bars` or, where they were asked for, `columns` or `packed`. `what`: what was
 * asked of the gateway. `next`: as `from` for more, nil at the end.
 */
struct BarPage {
  std::vector<BarRow> bars;
  std::optional<std::int64_t> con_id;
  std::string what;
  std::optional<BarColumns> columns;
  std::optional<PackedBars> packed;
  std::optional<std::int64_t> fetched_at;
  std::optional<std::int64_t> next;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "bars", bars) && get(from_wire, "con_id", con_id) && get(from_wire, "what", what) && get(from_wire, "columns", columns) && get(from_wire, "packed", packed) && get(from_wire, "fetched_at", fetched_at) && get(from_wire, "next", next);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "bars", bars);
    put(to_wire, "con_id", con_id);
    put(to_wire, "what", what);
    put(to_wire, "columns", columns);
    put(to_wire, "packed", packed);
    put(to_wire, "fetched_at", fetched_at);
    put(to_wire, "next", next);
    return to_wire;
  }
};

/**
 * A trade has price, size, exchange and conditions, a quote bid and ask, a mid-point its price. `time`:
 * to the second. `attributes` as in `trade` and `bbo`: 1 past limit (or bid past low), 2 unreported (or ask
 * past high).
 */
struct TickRow {
  std::int64_t time = 0;
  std::optional<double> price;
  std::optional<double> size;
  std::optional<double> bid;
  std::optional<double> ask;
  std::optional<double> bid_size;
  std::optional<double> ask_size;
  std::optional<std::string> exchange;
  std::optional<std::string> conditions;
  std::optional<std::int64_t> attributes;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "time", time) && get(from_wire, "price", price) && get(from_wire, "size", size) && get(from_wire, "bid", bid) && get(from_wire, "ask", ask) && get(from_wire, "bid_size", bid_size) && get(from_wire, "ask_size", ask_size) && get(from_wire, "exchange", exchange) && get(from_wire, "conditions", conditions) && get(from_wire, "attributes", attributes);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "time", time);
    put(to_wire, "price", price);
    put(to_wire, "size", size);
    put(to_wire, "bid", bid);
    put(to_wire, "ask", ask);
    put(to_wire, "bid_size", bid_size);
    put(to_wire, "ask_size", ask_size);
    put(to_wire, "exchange", exchange);
    put(to_wire, "conditions", conditions);
    put(to_wire, "attributes", attributes);
    return to_wire;
  }
};

/**
 * Result of `ticks`. `next`: as `from` for more, nil at the end.
 */
struct TickPage {
  std::vector<TickRow> ticks;
  std::optional<std::int64_t> con_id;
  std::optional<std::int64_t> fetched_at;
  std::optional<std::int64_t> next;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "ticks", ticks) && get(from_wire, "con_id", con_id) && get(from_wire, "fetched_at", fetched_at) && get(from_wire, "next", next);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "ticks", ticks);
    put(to_wire, "con_id", con_id);
    put(to_wire, "fetched_at", fetched_at);
    put(to_wire, "next", next);
    return to_wire;
  }
};

/**
 * Result of `head_timestamp`.
 */
struct Head {
  std::int64_t time = 0;
  std::string what;
  std::optional<std::int64_t> fetched_at;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "time", time) && get(from_wire, "what", what) && get(from_wire, "fetched_at", fetched_at);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "time", time);
    put(to_wire, "what", what);
    put(to_wire, "fetched_at", fetched_at);
    return to_wire;
  }
};

/**
 * Result of `schedule`: sessions in their order, those that touch the range.
 */
struct Schedule {
  std::vector<SessionRow> sessions;
  std::string time_zone;
  std::optional<std::int64_t> fetched_at;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "sessions", sessions) && get(from_wire, "time_zone", time_zone) && get(from_wire, "fetched_at", fetched_at);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "sessions", sessions);
    put(to_wire, "time_zone", time_zone);
    put(to_wire, "fetched_at", fetched_at);
    return to_wire;
  }
};

/**
 * Result of `histogram`: `[price, size]` in the gateway's order.
 */
struct Histogram {
  std::vector<Value> prices;
  std::optional<std::int64_t> fetched_at;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "prices", prices) && get(from_wire, "fetched_at", fetched_at);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "prices", prices);
    put(to_wire, "fetched_at", fetched_at);
    return to_wire;
  }
};

/**
 * `kind`: a process of the cluster, its doctor, or another program; that one's until `until` (nanoseconds
 * since the epoch), nil for what is for good.
 */
struct ClientIdRow {
  std::int64_t client_id = 0;
  std::string holder;
  std::string kind;
  std::optional<std::int64_t> until;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "client_id", client_id) && get(from_wire, "holder", holder) && get(from_wire, "kind", kind) && get(from_wire, "until", until);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_id", client_id);
    put(to_wire, "holder", holder);
    put(to_wire, "kind", kind);
    put(to_wire, "until", until);
    return to_wire;
  }
};

/**
 * Result of `client_ids`, `claim_client_id` and `release_client_id`: every ID that is taken. `claimed`:
 * the one that was asked for. `free`: the range out of which programs are given theirs.
 */
struct ClientIdList {
  std::vector<ClientIdRow> client_ids;
  std::int64_t free_from = 0;
  std::int64_t free_to = 0;
  std::optional<std::int64_t> claimed;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "client_ids", client_ids) && get(from_wire, "free_from", free_from) && get(from_wire, "free_to", free_to) && get(from_wire, "claimed", claimed);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_ids", client_ids);
    put(to_wire, "free_from", free_from);
    put(to_wire, "free_to", free_to);
    put(to_wire, "claimed", claimed);
    return to_wire;
  }
};

/**
 * Result of `claim_budget`: so many messages a second more until `until`; 0: nothing is left.
 */
struct BudgetLease {
  double rate = 0;
  std::int64_t until = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "rate", rate) && get(from_wire, "until", until);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "rate", rate);
    put(to_wire, "until", until);
    return to_wire;
  }
};

/**
 * Result of `yield_budget`.
 */
struct BudgetYielded {
  std::int64_t round = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "round", round);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "round", round);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "account", account) && get(from_wire, "instrument", instrument) && get(from_wire, "con_id", con_id) && get(from_wire, "quantity", quantity) && get(from_wire, "avg_cost", avg_cost);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "account", account);
    put(to_wire, "instrument", instrument);
    put(to_wire, "con_id", con_id);
    put(to_wire, "quantity", quantity);
    put(to_wire, "avg_cost", avg_cost);
    return to_wire;
  }
};

/**
 * Result of `positions` (status).
 */
struct PositionList {
  std::vector<PositionRow> positions;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "positions", positions);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "positions", positions);
    return to_wire;
  }
};

/**
 * A process as its heartbeats show it. `state` to `uptime_s` are from its last heartbeat, `heard_s`
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "state", state) && get(from_wire, "detail", detail) && get(from_wire, "pid", pid) && get(from_wire, "client_id", client_id) && get(from_wire, "uptime_s", uptime_s) && get(from_wire, "heard_s", heard_s) && get(from_wire, "supervised", supervised) && get(from_wire, "restarts", restarts);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "state", state);
    put(to_wire, "detail", detail);
    put(to_wire, "pid", pid);
    put(to_wire, "client_id", client_id);
    put(to_wire, "uptime_s", uptime_s);
    put(to_wire, "heard_s", heard_s);
    put(to_wire, "supervised", supervised);
    put(to_wire, "restarts", restarts);
    return to_wire;
  }
};

/**
 * Result of `health` (status). `ready`: every node of the configuration beats and is ready.
 */
struct Health {
  bool ready = false;
  std::vector<HealthRow> processes;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "ready", ready) && get(from_wire, "processes", processes);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "ready", ready);
    put(to_wire, "processes", processes);
    return to_wire;
  }
};

/**
 * `total`: how many rows there are. `rev` as in the `board_change` event.
 */
struct BoardSection {
  std::string name;
  std::int64_t rev = 0;
  std::optional<std::int64_t> as_of;
  std::int64_t total = 0;
  std::vector<Map<Value>> rows;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "rev", rev) && get(from_wire, "as_of", as_of) && get(from_wire, "total", total) && get(from_wire, "rows", rows);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "rev", rev);
    put(to_wire, "as_of", as_of);
    put(to_wire, "total", total);
    put(to_wire, "rows", rows);
    return to_wire;
  }
};

/**
 * Result of `board`. `next`: ask with it as `after` for more, nil on the last page.
 */
struct Board {
  std::int64_t at = 0;
  std::int64_t incarnation = 0;
  std::vector<BoardSection> sections;
  std::optional<std::int64_t> next;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "at", at) && get(from_wire, "incarnation", incarnation) && get(from_wire, "sections", sections) && get(from_wire, "next", next);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "at", at);
    put(to_wire, "incarnation", incarnation);
    put(to_wire, "sections", sections);
    put(to_wire, "next", next);
    return to_wire;
  }
};

/**
 * Result of `account`: rows of the sections `accounts` and `cash`.
 */
struct AccountFigures {
  std::optional<std::int64_t> as_of;
  std::vector<Map<Value>> accounts;
  std::vector<Map<Value>> currencies;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "as_of", as_of) && get(from_wire, "accounts", accounts) && get(from_wire, "currencies", currencies);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "as_of", as_of);
    put(to_wire, "accounts", accounts);
    put(to_wire, "currencies", currencies);
    return to_wire;
  }
};

/**
 * Result of `pnl`: of each account, strategy and position, as in the board.
 */
struct PnlFigures {
  std::optional<std::int64_t> as_of;
  std::vector<Map<Value>> accounts;
  std::vector<Map<Value>> strategies;
  std::vector<Map<Value>> positions;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "as_of", as_of) && get(from_wire, "accounts", accounts) && get(from_wire, "strategies", strategies) && get(from_wire, "positions", positions);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "as_of", as_of);
    put(to_wire, "accounts", accounts);
    put(to_wire, "strategies", strategies);
    put(to_wire, "positions", positions);
    return to_wire;
  }
};

/**
 * An alert as it stands. `silenced_until`: ns, nil if nothing silences it.
 */
struct AlertRow {
  std::string name;
  std::string about;
  std::string severity;
  std::string state;
  std::string text;
  std::int64_t since = 0;
  std::optional<std::int64_t> resolved;
  std::optional<std::string> acknowledged_by;
  std::optional<std::int64_t> silenced_until;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name) && get(from_wire, "about", about) && get(from_wire, "severity", severity) && get(from_wire, "state", state) && get(from_wire, "text", text) && get(from_wire, "since", since) && get(from_wire, "resolved", resolved) && get(from_wire, "acknowledged_by", acknowledged_by) && get(from_wire, "silenced_until", silenced_until);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    put(to_wire, "about", about);
    put(to_wire, "severity", severity);
    put(to_wire, "state", state);
    put(to_wire, "text", text);
    put(to_wire, "since", since);
    put(to_wire, "resolved", resolved);
    put(to_wire, "acknowledged_by", acknowledged_by);
    put(to_wire, "silenced_until", silenced_until);
    return to_wire;
  }
};

/**
 * Result of `alerts`, `acknowledge_alert`, `silence_alert` and `test_alerts`: what fires, then the latest
 * that were resolved. `silences`: names (`*`: all) and until when (ns). `sinks`: where alerts go.
 */
struct AlertList {
  std::vector<AlertRow> alerts;
  Map<std::int64_t> silences;
  std::vector<std::string> sinks;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "alerts", alerts) && get(from_wire, "silences", silences) && get(from_wire, "sinks", sinks);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "alerts", alerts);
    put(to_wire, "silences", silences);
    put(to_wire, "sinks", sinks);
    return to_wire;
  }
};

/**
 * Result of `place_order`, `modify_order`, `cancel_order`: durable and written, no verdict yet.
 */
struct OrderAccepted {
  std::string client_order_id;
  std::optional<std::int64_t> order_id;
  std::string status;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "client_order_id", client_order_id) && get(from_wire, "order_id", order_id) && get(from_wire, "status", status);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "order_id", order_id);
    put(to_wire, "status", status);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "perm_id", perm_id) && get(from_wire, "client_id", client_id) && get(from_wire, "order_id", order_id) && get(from_wire, "instrument", instrument) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "order_type", order_type) && get(from_wire, "account", account) && get(from_wire, "tif", tif) && get(from_wire, "status", status) && get(from_wire, "filled", filled) && get(from_wire, "reference", reference) && get(from_wire, "limit_price", limit_price) && get(from_wire, "stop_price", stop_price);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "perm_id", perm_id);
    put(to_wire, "client_id", client_id);
    put(to_wire, "order_id", order_id);
    put(to_wire, "instrument", instrument);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "order_type", order_type);
    put(to_wire, "account", account);
    put(to_wire, "tif", tif);
    put(to_wire, "status", status);
    put(to_wire, "filled", filled);
    put(to_wire, "reference", reference);
    put(to_wire, "limit_price", limit_price);
    put(to_wire, "stop_price", stop_price);
    return to_wire;
  }
};

/**
 * Result of `get_orders`: maps with the fields of the `order` event; foreign orders as last seen.
 */
struct OrderList {
  std::vector<Map<Value>> orders;
  std::optional<std::vector<ForeignOrder>> foreign;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "orders", orders) && get(from_wire, "foreign", foreign);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "orders", orders);
    put(to_wire, "foreign", foreign);
    return to_wire;
  }
};

/**
 * Result of `place_orders` (in the order of the request) and `cancel_orders`.
 */
struct OrdersAccepted {
  std::vector<OrderAccepted> orders;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "orders", orders);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "orders", orders);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "init_margin_before", init_margin_before) && get(from_wire, "init_margin_after", init_margin_after) && get(from_wire, "init_margin_change", init_margin_change) && get(from_wire, "maint_margin_before", maint_margin_before) && get(from_wire, "maint_margin_after", maint_margin_after) && get(from_wire, "maint_margin_change", maint_margin_change) && get(from_wire, "equity_with_loan_before", equity_with_loan_before) && get(from_wire, "equity_with_loan_after", equity_with_loan_after) && get(from_wire, "equity_with_loan_change", equity_with_loan_change) && get(from_wire, "commission", commission) && get(from_wire, "min_commission", min_commission) && get(from_wire, "max_commission", max_commission) && get(from_wire, "currency", currency) && get(from_wire, "warning", warning);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "init_margin_before", init_margin_before);
    put(to_wire, "init_margin_after", init_margin_after);
    put(to_wire, "init_margin_change", init_margin_change);
    put(to_wire, "maint_margin_before", maint_margin_before);
    put(to_wire, "maint_margin_after", maint_margin_after);
    put(to_wire, "maint_margin_change", maint_margin_change);
    put(to_wire, "equity_with_loan_before", equity_with_loan_before);
    put(to_wire, "equity_with_loan_after", equity_with_loan_after);
    put(to_wire, "equity_with_loan_change", equity_with_loan_change);
    put(to_wire, "commission", commission);
    put(to_wire, "min_commission", min_commission);
    put(to_wire, "max_commission", max_commission);
    put(to_wire, "currency", currency);
    put(to_wire, "warning", warning);
    return to_wire;
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
  std::optional<std::int64_t> con_id;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "strategy", strategy) && get(from_wire, "client_order_id", client_order_id) && get(from_wire, "instrument", instrument) && get(from_wire, "exec_id", exec_id) && get(from_wire, "account", account) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "price", price) && get(from_wire, "time", time) && get(from_wire, "recovered", recovered) && get(from_wire, "leg", leg) && get(from_wire, "commission", commission) && get(from_wire, "currency", currency) && get(from_wire, "realized_pnl", realized_pnl) && get(from_wire, "con_id", con_id);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "strategy", strategy);
    put(to_wire, "client_order_id", client_order_id);
    put(to_wire, "instrument", instrument);
    put(to_wire, "exec_id", exec_id);
    put(to_wire, "account", account);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "price", price);
    put(to_wire, "time", time);
    put(to_wire, "recovered", recovered);
    put(to_wire, "leg", leg);
    put(to_wire, "commission", commission);
    put(to_wire, "currency", currency);
    put(to_wire, "realized_pnl", realized_pnl);
    put(to_wire, "con_id", con_id);
    return to_wire;
  }
};

/**
 * Result of `get_executions`.
 */
struct ExecutionList {
  std::vector<ExecutionRow> executions;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "executions", executions);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "executions", executions);
    return to_wire;
  }
};

/**
 */
struct AccountExecutionRow {
  std::string exec_id;
  std::string account;
  std::string instrument;
  std::string side;
  double quantity = 0;
  double price = 0;
  std::optional<std::int64_t> time;
  std::optional<std::int64_t> con_id;
  std::optional<std::string> exchange;
  std::optional<std::int64_t> perm_id;
  std::optional<std::int64_t> client_id;
  std::optional<std::int64_t> order_id;
  std::optional<std::string> reference;
  std::optional<std::string> order;
  std::optional<bool> liquidation;
  std::optional<std::int64_t> liquidity;
  std::optional<bool> leg;
  std::optional<double> commission;
  std::optional<std::string> currency;
  std::optional<double> realized_pnl;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "exec_id", exec_id) && get(from_wire, "account", account) && get(from_wire, "instrument", instrument) && get(from_wire, "side", side) && get(from_wire, "quantity", quantity) && get(from_wire, "price", price) && get(from_wire, "time", time) && get(from_wire, "con_id", con_id) && get(from_wire, "exchange", exchange) && get(from_wire, "perm_id", perm_id) && get(from_wire, "client_id", client_id) && get(from_wire, "order_id", order_id) && get(from_wire, "reference", reference) && get(from_wire, "order", order) && get(from_wire, "liquidation", liquidation) && get(from_wire, "liquidity", liquidity) && get(from_wire, "leg", leg) && get(from_wire, "commission", commission) && get(from_wire, "currency", currency) && get(from_wire, "realized_pnl", realized_pnl);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "exec_id", exec_id);
    put(to_wire, "account", account);
    put(to_wire, "instrument", instrument);
    put(to_wire, "side", side);
    put(to_wire, "quantity", quantity);
    put(to_wire, "price", price);
    put(to_wire, "time", time);
    put(to_wire, "con_id", con_id);
    put(to_wire, "exchange", exchange);
    put(to_wire, "perm_id", perm_id);
    put(to_wire, "client_id", client_id);
    put(to_wire, "order_id", order_id);
    put(to_wire, "reference", reference);
    put(to_wire, "order", order);
    put(to_wire, "liquidation", liquidation);
    put(to_wire, "liquidity", liquidity);
    put(to_wire, "leg", leg);
    put(to_wire, "commission", commission);
    put(to_wire, "currency", currency);
    put(to_wire, "realized_pnl", realized_pnl);
    return to_wire;
  }
};

/**
 * Result of `account_executions`. `left_out`: how many older ones match and did not fit.
 */
struct AccountExecutionList {
  std::vector<AccountExecutionRow> executions;
  std::int64_t left_out = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "executions", executions) && get(from_wire, "left_out", left_out);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "executions", executions);
    put(to_wire, "left_out", left_out);
    return to_wire;
  }
};

/**
 * Result of `cancel_foreign_order`. `status`: the gateway's own word, "" if it has said none yet: then
 * the order's end comes on its topic.
 */
struct ForeignCancel {
  std::int64_t perm_id = 0;
  std::string status;
  std::optional<std::string> text;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "perm_id", perm_id) && get(from_wire, "status", status) && get(from_wire, "text", text);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "perm_id", perm_id);
    put(to_wire, "status", status);
    put(to_wire, "text", text);
    return to_wire;
  }
};

/**
 * Result of `replay_events`. `next`: ask with it as `after` for more; `last`: the newest there is.
 */
struct EventPage {
  std::vector<Map<Value>> events;
  std::int64_t next = 0;
  std::int64_t last = 0;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "events", events) && get(from_wire, "next", next) && get(from_wire, "last", last);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "events", events);
    put(to_wire, "next", next);
    put(to_wire, "last", last);
    return to_wire;
  }
};

/**
 * Result of `halt` and `resume`: what is halted now, by whom none ("" is everybody), and why.
 *
 * `remaining`: the orders that still work or are unknown, after cancels had some seconds. `durable`: false
 * if the disk stalls: it holds, cancels go out, but it would not survive the end of the node yet.
 */
struct Halted {
  Map<std::string> halted;
  std::vector<Map<Value>> remaining;
  std::optional<bool> durable;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "halted", halted) && get(from_wire, "remaining", remaining) && get(from_wire, "durable", durable);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "halted", halted);
    put(to_wire, "remaining", remaining);
    put(to_wire, "durable", durable);
    return to_wire;
  }
};

/**
 */
struct RiskLayer {
  std::string scope;
  std::string name;
  Map<Value> limits;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "scope", scope) && get(from_wire, "name", name) && get(from_wire, "limits", limits);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "scope", scope);
    put(to_wire, "name", name);
    put(to_wire, "limits", limits);
    return to_wire;
  }
};

/**
 * Result of `get_risk` and `set_risk`: every layer that holds, with the limits it sets.
 */
struct RiskLayers {
  std::vector<RiskLayer> layers;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "layers", layers);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "layers", layers);
    return to_wire;
  }
};

/**
 * A topic somebody wants, or left a moment ago. Topics with one `line` number share one gateway line.
 *
 * `since`: ns since the epoch at which it was first wanted. `line` is nil while the contract is not known.
 * `last_data`: ns at which data last came, nil for never. `gaps`: how many were announced on it.
 */
struct SubscriptionRow {
  std::string topic;
  std::string state;
  bool wanted = false;
  std::int64_t since = 0;
  std::optional<std::int64_t> con_id;
  std::optional<std::int64_t> line;
  std::optional<std::int64_t> last_data;
  std::optional<std::int64_t> gaps;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "topic", topic) && get(from_wire, "state", state) && get(from_wire, "wanted", wanted) && get(from_wire, "since", since) && get(from_wire, "con_id", con_id) && get(from_wire, "line", line) && get(from_wire, "last_data", last_data) && get(from_wire, "gaps", gaps);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "topic", topic);
    put(to_wire, "state", state);
    put(to_wire, "wanted", wanted);
    put(to_wire, "since", since);
    put(to_wire, "con_id", con_id);
    put(to_wire, "line", line);
    put(to_wire, "last_data", last_data);
    put(to_wire, "gaps", gaps);
    return to_wire;
  }
};

/**
 * How many lines of one kind are in use. `total`: of all shards together, by the configuration or less
 * if the gateway grants less; `allowed`: what other shards leave of that for this one; `waiting`: lines that
 * are listened to and found none free.
 */
struct LineUse {
  std::string kind;
  std::int64_t used = 0;
  std::int64_t allowed = 0;
  std::optional<std::int64_t> waiting;
  std::optional<std::int64_t> total;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "kind", kind) && get(from_wire, "used", used) && get(from_wire, "allowed", allowed) && get(from_wire, "waiting", waiting) && get(from_wire, "total", total);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "kind", kind);
    put(to_wire, "used", used);
    put(to_wire, "allowed", allowed);
    put(to_wire, "waiting", waiting);
    put(to_wire, "total", total);
    return to_wire;
  }
};

/**
 * Result of `subscriptions`.
 */
struct SubscriptionList {
  std::vector<SubscriptionRow> subscriptions;
  std::vector<LineUse> lines;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "subscriptions", subscriptions) && get(from_wire, "lines", lines);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "subscriptions", subscriptions);
    put(to_wire, "lines", lines);
    return to_wire;
  }
};

/**
 * Result of `snapshot`: the own fields of a `quote` event, and `frozen`: the last values of a closed
 * market.
 */
struct SnapshotQuote {
  Map<Value> quote;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "quote", quote);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "quote", quote);
    return to_wire;
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

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "topic", topic) && get(from_wire, "con_id", con_id) && get(from_wire, "events", events) && get(from_wire, "line", line) && get(from_wire, "state", state);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "topic", topic);
    put(to_wire, "con_id", con_id);
    put(to_wire, "events", events);
    put(to_wire, "line", line);
    put(to_wire, "state", state);
    return to_wire;
  }
};

/**
 * Result of `retry`: how the stream stands now. The stream itself shows what becomes of it.
 */
struct Retried {
  std::string topic;
  std::string state;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "topic", topic) && get(from_wire, "state", state);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "topic", topic);
    put(to_wire, "state", state);
    return to_wire;
  }
};

/**
 * Result of `reconnect`: the session has been ended. Heartbeats and streams show the rest.
 */
struct Reconnecting {
  std::string name;

  /** False where it is no such message. */
  bool read(const Value& from_wire) {
    return get(from_wire, "name", name);
  }

  Value to_value() const {
    Value to_wire = Value::map();
    put(to_wire, "name", name);
    return to_wire;
  }
};

/** Every event of this version, for whoever wants to go through them all. */
#define TWSMQ_EVENTS Quote, Ticks, Trade, BestBidOffer, Midpoint, Depth, DepthDelta, Bar, Bars, Greeks, Headline, Stream, Ranking, Order, Fill, Commission, Notice, Change, AccountNotice, AccountExecution, ExecutionCost, ForeignOrderChanged, Heartbeat, Process, Gateway, BudgetRound, Denied, Position, AccountValue, ProfitAndLoss, BoardChange, Alert

}  // namespace twsmq
