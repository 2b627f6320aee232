// twsmq for C++17: one header over cppzmq and msgpack-cxx.
//
// Theory: a `Client` belongs to one thread, because ZeroMQ sockets do. Nothing throws across this boundary: a call gives
// a `Result`, which holds the value or says what went wrong; whoever looks at the value of a failure gets an empty one.
// No reply in time is a failure of its own kind: the outcome is unknown, and the same request again is safe.
//
// Invariants: a request's id is used once; a reply that comes after its request was given up is dropped; every request
// carries the time until which it may take effect; every event is handed out once, in order, with what was lost before.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "twsmq/types.hpp"
#include "twsmq/value.hpp"

namespace twsmq {

struct Error {
  enum class Kind {
    none,
    refused,          // the process answered with an error: code, field, tws_code
    outcome_unknown,  // no reply in time: it may have taken effect; the same request again is safe
    malformed,        // what came is no message of this protocol
    not_let_in,       // nothing was sent: `code` is refused key, unknown key, wrong server key, no keys, keys not wanted
    unusable,         // a wrong name or file: the message says which
  };
  Kind kind = Kind::none;
  std::string code;
  std::string message;
  std::optional<std::string> field;
  std::optional<std::int64_t> tws_code;
};

template <typename T>
struct Result {
  T value{};
  Error error;

  bool ok() const { return error.kind == Error::Kind::none; }
  explicit operator bool() const { return ok(); }

  static Result failed(Error::Kind kind, std::string message) {
    Result made;
    made.error.kind = kind;
    made.error.message = std::move(message);
    return made;
  }
};

// --- bytes ---------------------------------------------------------------------------------------------------------

inline std::optional<Value> decode_map(const char* bytes, std::size_t size) {
  try {
    std::size_t end = 0;
    const auto handle = msgpack::unpack(bytes, size, end);
    if (end != size) return std::nullopt;
    auto value = Value::unpack(handle.get());
    return value && value->is_map() ? value : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

inline std::string encode(const Value& value) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer(buffer);
  value.pack(packer);
  return std::string(buffer.data(), buffer.size());
}

/** Whether it is well formed: no byte out of place, nothing spelled longer than need be, no half of a pair. */
inline bool is_utf8(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) continue;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - at < static_cast<std::size_t>(more)) return false;
    std::uint32_t code = lead & (0x3F >> more);
    for (int each = 0; each < more; ++each) {
      const auto byte = static_cast<unsigned char>(text[at++]);
      if ((byte & 0xC0) != 0x80) return false;
      code = code << 6 | (byte & 0x3F);
    }
    const bool too_long = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (too_long || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
  }
  return true;
}

/** An event as it came: `as<Quote>()` gives its struct, empty where it is of another type. */
struct Event {
  std::string topic;
  std::string type;
  Header header;
  Value fields;
  /** How many events were lost just before this one. */
  std::int64_t lost = 0;

  template <typename T>
  std::optional<T> as() const {
    T made{};
    if (type != T::TYPE || !made.read(fields)) return std::nullopt;
    return made;
  }
};

inline std::optional<Event> decode_event(const char* bytes, std::size_t size) {
  const auto* end = std::find(bytes, bytes + size, '\0');
  if (end == bytes + size) return std::nullopt;
  Event event;
  event.topic.assign(bytes, end);
  if (!is_utf8(event.topic)) return std::nullopt;
  auto map = decode_map(end + 1, static_cast<std::size_t>(bytes + size - end - 1));
  if (!map || !get(*map, "type", event.type) || !event.header.read(*map) || event.header.v != 1) return std::nullopt;
  event.fields = std::move(*map);
  return event;
}

struct Reply {
  Value id;
  Result<Value> result;
};

inline std::optional<Reply> decode_reply(const char* bytes, std::size_t size) {
  const auto map = decode_map(bytes, size);
  std::int64_t v = 0;
  bool ok = false;
  if (!map || !get(*map, "v", v) || v != 1 || !get(*map, "ok", ok)) return std::nullopt;
  Reply reply;
  if (const auto* id = map->find("id")) reply.id = *id;
  if (ok) {
    if (const auto* result = map->find("result")) reply.result.value = *result;
    return reply;
  }
  const auto* body = map->find("error");
  auto& error = reply.result.error;
  error.kind = Error::Kind::refused;
  if (body == nullptr || !get(*body, "code", error.code) || !get(*body, "message", error.message) ||
      !get(*body, "field", error.field) || !get(*body, "tws_code", error.tws_code)) {
    return std::nullopt;
  }
  return reply;
}

inline std::string encode_request(const Value& id, const std::string& op, const Value& args,
                                  std::optional<std::int64_t> valid_until) {
  Value envelope = Value::map();
  envelope.set("v", 1);
  envelope.set("id", id);
  envelope.set("op", op);
  envelope.set("args", args);
  if (valid_until) envelope.set("valid_until", *valid_until);
  return encode(envelope);
}

// --- losses (SPEC: Numbering and loss) -----------------------------------------------------------------------------

class TopicNumbers {
 public:
  std::int64_t lost = 0;
  std::int64_t restarts = 0;

  /**
   * How many events of the topic were lost just before this one; empty: it was seen already. Another incarnation is a
   * restart, a lower one too: clocks are set back. `source`: where several processes publish under the topic, which.
   */
  std::optional<std::int64_t> observe(const std::string& topic, std::int64_t inc, std::int64_t seq,
                                      const std::string& source = "") {
    const auto [at, fresh] = seen_.try_emplace(topic + source, inc, seq);
    if (fresh) return 0;
    auto& [known_inc, known_seq] = at->second;
    if (inc == known_inc && seq <= known_seq) return std::nullopt;
    const bool restarted = inc != known_inc;
    const std::int64_t missed = std::max<std::int64_t>(0, seq - 1 - (restarted ? 0 : known_seq));
    restarts += restarted ? 1 : 0;
    known_inc = inc;
    known_seq = seq;
    lost += missed;
    return missed;
  }

  /** Forget the topics that nobody listens to any more. */
  template <typename Listened>
  void keep(Listened listened) {
    for (auto at = seen_.begin(); at != seen_.end();) at = listened(at->first) ? std::next(at) : seen_.erase(at);
  }

 private:
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> seen_;
};

/** One durable series of order events: over the node (`order/`) or within a strategy (`order/<strategy>/`). */
class OrderNumbers {
 public:
  std::optional<std::int64_t> newest;
  std::int64_t lost = 0;

  std::int64_t observe_event(std::int64_t number, bool snapshot) {
    if (newest) return advance(number, number - 1);
    if (!snapshot) newest = number;
    return 0;
  }
  std::int64_t observe_heartbeat(std::int64_t number) {
    if (newest) return advance(number, number);
    newest = number;
    return 0;
  }

 private:
  std::int64_t advance(std::int64_t number, std::int64_t accounted) {
    const auto missed = std::max<std::int64_t>(0, accounted - *newest);
    newest = std::max(*newest, number);
    lost += missed;
    return missed;
  }
};

// --- where the cluster is ------------------------------------------------------------------------------------------

/** `local(port_base)` for a cluster on this machine, `from_file` for the file that `twsmq keys add` writes. */
struct Cluster {
  std::string host = "127.0.0.1";
  int port_base = 5500;
  int shards = 5;
  std::string public_key, secret_key, server_key;

  static Cluster local(int port_base = 5500) {
    Cluster made;
    made.port_base = port_base;
    return made;
  }

  /** Lines of `name = "text"` or `name = number` (SPEC: Keys). */
  static Result<Cluster> from_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) return Result<Cluster>::failed(Error::Kind::unusable, path + " cannot be read");
    if (others_may_read(path)) {
      return Result<Cluster>::failed(Error::Kind::unusable, path + " may be read by others: chmod 600 " + path);
    }
    std::map<std::string, std::string> found;
    for (std::string line; std::getline(file, line);) {
      const auto equals = line.find('=');
      if (equals == std::string::npos || line.find_first_not_of(" \t") == line.find('#')) continue;
      found[trimmed(line.substr(0, equals))] = unquoted(trimmed(line.substr(equals + 1)));
    }
    for (const char* key : {"host", "port_base", "public_key", "secret_key", "server_key"}) {
      if (found[key].empty()) return unusable(path, key, "is missing");
    }
    // What ZeroMQ would throw for must not get as far as a socket.
    for (const char* key : {"public_key", "secret_key", "server_key"}) {
      std::uint8_t bytes[32];
      if (found[key].size() != 40 || zmq_z85_decode(bytes, found[key].c_str()) == nullptr) {
        return unusable(path, key, "is no key of 40 characters");
      }
    }
    char belongs[41];
    if (zmq_curve_public(belongs, found["secret_key"].c_str()) != 0) {
      return Result<Cluster>::failed(Error::Kind::unusable, "this libzmq was built without CURVE");
    }
    if (found["public_key"] != belongs) {  // with another nobody is let in, and ZeroMQ does not say why
      return unusable(path, "its", "secret_key does not belong to its public_key, one of the two was changed");
    }
    const auto& host = found["host"];
    if (host.size() > 255 || host.find_first_not_of(HOST) != std::string::npos) {
      return unusable(path, "host", "is no IPv4 address and no name");
    }
    Result<Cluster> made;
    made.value.host = host;
    made.value.port_base = number(found["port_base"]);
    if (!found["marketdata"].empty()) made.value.shards = number(found["marketdata"]);
    if (made.value.port_base < 1024 || made.value.port_base > 65535 - 100) {
      return unusable(path, "port_base", "is none from 1024 to 65435");
    }
    if (made.value.shards < 1 || made.value.shards > 5) return unusable(path, "marketdata", "is none from 1 to 5");
    made.value.public_key = found["public_key"];
    made.value.secret_key = found["secret_key"];
    made.value.server_key = found["server_key"];
    return made;
  }

  /** Empty for a name that is no process. */
  std::optional<std::string> requests(const std::string& process) const {
    static const std::map<std::string, int> offsets = {{"supervisor", 0}, {"connection", 10}, {"orders", 30},
                                                       {"status", 40},    {"reference", 50},  {"history", 60},
                                                       {"web", 82}};
    const auto known = offsets.find(process);
    if (known != offsets.end()) return tcp(known->second);
    const std::string shard = "marketdata-";
    if (process.size() == shard.size() + 1 && process.compare(0, shard.size(), shard) == 0) {
      const int number = process.back() - '0';
      if (number >= 0 && number < 5) return tcp(20 + 2 * number);
    }
    return std::nullopt;
  }

  std::vector<std::string> events() const {
    std::vector<std::string> all;
    for (const int offset : {0, 10, 30, 40, 50, 60, 82}) all.push_back(tcp(offset + 1));
    for (int shard = 0; shard < shards; ++shard) all.push_back(tcp(21 + 2 * shard));
    return all;
  }

 private:
  static constexpr const char* HOST = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";

  static Result<Cluster> unusable(const std::string& path, const std::string& key, const std::string& what) {
    return Result<Cluster>::failed(Error::Kind::unusable,
                                   path + ": " + key + " " + what +
                                       "; have it written again with 'twsmq keys add', after 'twsmq keys revoke' of its name");
  }

  static bool others_may_read(const std::string& path) {
#ifdef _WIN32
    return path.empty();  // modes say nothing there
#else
    using std::filesystem::perms;
    std::error_code problem;
    const auto found = std::filesystem::status(path, problem).permissions();
    return !problem && (found & (perms::group_all | perms::others_all)) != perms::none;
#endif
  }

  /** -1 for what is no number of a few digits. */
  static int number(const std::string& text) {
    const bool digits = text.size() < 7 && text.find_first_not_of("0123456789") == std::string::npos;
    return digits ? std::atoi(text.c_str()) : -1;
  }

  std::string tcp(int offset) const { return "tcp://" + host + ":" + std::to_string(port_base + offset); }

  static std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
  }
  static std::string unquoted(const std::string& text) {
    if (text.size() < 2 || text.front() != '"') return text.substr(0, text.find_first_of(" \t#"));
    return text.substr(1, text.find('"', 1) - 1);
  }
};

// --- whether a process lets us in (SPEC: Keys) ---------------------------------------------------------------------

/**
 * What a socket's monitor says in, a verdict out. An authentication error is the gatekeeper's final no. An unknown key
 * gets no answer, so the handshake hangs. A wrong server key fails at once, without a detail, some 20 times a second. No
 * keys where some are wanted, and keys where none are, end in a mismatch of mechanisms.
 */
class Admission {
 public:
  using Clock = std::chrono::steady_clock;

  bool up = false;
  /** How often a handshake has succeeded: what was sent since the last time may have arrived. */
  std::int64_t times_up = 0;

  explicit Admission(bool keyed = false) : keyed_(keyed) {}

  void take(std::uint16_t event, std::uint32_t value, Clock::time_point now) {
    up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    began_.reset();
    if (event == ZMQ_EVENT_CONNECTED) {
      began_ = now;
    } else if (up) {
      ++times_up;
      failures_ = 0;
      mistake_.clear();
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      mistake_ = "refused key";
    } else if (event != ZMQ_EVENT_DISCONNECTED) {
      ++failures_;
      if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
        mistake_ = keyed_ ? "keys not wanted" : "no keys";
      } else if (failures_ >= 5 && mistake_.empty() && (keyed_ || times_up == 0)) {
        mistake_ = keyed_ ? "wrong server key" : "no keys";
      }
    }
  }

  /** Empty while nothing is known to be wrong. */
  std::string mistake(Clock::time_point now) const {
    const bool hangs = keyed_ && began_ && now >= *began_ + std::chrono::seconds(1);
    return hangs && mistake_.empty() ? "unknown key" : mistake_;
  }

 private:
  bool keyed_;
  int failures_ = 0;
  std::string mistake_;
  std::optional<Clock::time_point> began_;
};

/** The connections of one socket; to be made before it connects. */
class Links {
 public:
  /** A name may lead to several addresses, of which one is tried after the other. */
  std::map<std::string, Admission> by_endpoint;

  bool up() const {
    return std::any_of(by_endpoint.begin(), by_endpoint.end(), [](const auto& link) { return link.second.up; });
  }
  /** Of all of them together: what was sent since it was less may have arrived. */
  std::int64_t times_up() const {
    std::int64_t sum = 0;
    for (const auto& [endpoint, link] : by_endpoint) sum += link.times_up;
    return sum;
  }

  Links(zmq::context_t& context, zmq::socket_t& socket, bool keyed)
      : keyed_(keyed), monitor_(context, zmq::socket_type::pair) {
    const auto address = "inproc://twsmq-monitor-" + std::to_string(reinterpret_cast<std::uintptr_t>(this));
    const int watched = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_DISCONNECTED;
    if (zmq_socket_monitor(socket.handle(), address.c_str(), watched) == 0) monitor_.connect(address);
  }

  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  zmq::socket_t& monitor() { return monitor_; }

  void look() {
    try {
      take_all();
    } catch (const zmq::error_t&) {
      // a signal: what is left is taken next time
    }
  }

  /** An endpoint that does not let us in, and why, while no other does. */
  std::optional<std::pair<std::string, std::string>> barred() const {
    std::optional<std::pair<std::string, std::string>> found;
    for (const auto& [endpoint, link] : by_endpoint) {
      if (link.up) return std::nullopt;
      auto mistake = link.mistake(Admission::Clock::now());
      if (!mistake.empty() && !found) found = {endpoint, std::move(mistake)};
    }
    return found;
  }

 private:
  void take_all() {
    zmq::message_t event, endpoint;
    while (monitor_.recv(event, zmq::recv_flags::dontwait) && monitor_.recv(endpoint)) {
      std::uint16_t number = 0;
      std::uint32_t value = 0;
      if (event.size() < sizeof number + sizeof value) continue;
      std::copy_n(event.data<unsigned char>(), sizeof number, reinterpret_cast<unsigned char*>(&number));
      std::copy_n(event.data<unsigned char>() + sizeof number, sizeof value, reinterpret_cast<unsigned char*>(&value));
      by_endpoint.try_emplace(endpoint.to_string(), keyed_).first->second.take(number, value, Admission::Clock::now());
    }
  }

  bool keyed_;
  zmq::socket_t monitor_;
};

// --- the client ----------------------------------------------------------------------------------------------------

class Client {
 public:
  using Milliseconds = std::chrono::milliseconds;

  explicit Client(Cluster cluster = Cluster::local(), Milliseconds timeout = Milliseconds(10'000))
      : cluster_(std::move(cluster)),
        timeout_(timeout),
        events_(context_, zmq::socket_type::sub),
        event_links_(context_, events_, keyed()) {
    tune(events_);
    events_.set(zmq::sockopt::rcvhwm, 100'000);
    for (const auto& endpoint : cluster_.events()) events_.connect(endpoint);
  }

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  TopicNumbers numbers;
  /** By subscription: `order/`, `order/<strategy>/`. */
  std::map<std::string, OrderNumbers> order_numbers;
  std::int64_t malformed = 0;

  /** Subscribing to a complete market-data topic is what starts its line. */
  void subscribe(const std::string& topic) {
    const bool counted = !order_numbers.empty();
    const bool counts = counts_orders(topic);
    // Before the wish that it may be about, and on top of a subscription of the user's own, which may end before ours.
    if (counts && !counted) events_.set(zmq::sockopt::subscribe, DENIED);
    if (topics_.insert(topic).second) events_.set(zmq::sockopt::subscribe, topic);
    if (counts && !counted) events_.set(zmq::sockopt::subscribe, BEATS);
    if (counts) order_numbers.try_emplace(topic);
  }

  void unsubscribe(const std::string& topic) {
    if (topics_.erase(topic) > 0) events_.set(zmq::sockopt::unsubscribe, topic);
    narrowed_.erase(topic);
    if (order_numbers.erase(topic) > 0 && order_numbers.empty()) {
      events_.set(zmq::sockopt::unsubscribe, BEATS);
      events_.set(zmq::sockopt::unsubscribe, DENIED);
    }
    numbers.keep([this](const std::string& known) {
      return listens(known) || (is_ours(known) && !order_numbers.empty());
    });
  }

  /** Why no events come from anywhere: a process does not let us in, and no other does. Empty while some may. */
  std::optional<Error> refusal() {
    event_links_.look();
    const auto found = event_links_.barred();
    if (!found) return std::nullopt;
    return not_let_in(found->first, found->second);
  }

  /** The next event; empty when none came in time, or at once while `refusal` says that none can. */
  std::optional<Event> next(Milliseconds patience) {
    const auto deadline = after(patience);
    for (;;) {
      zmq::message_t frame;
      if (!receive(events_, event_links_, frame, deadline, [this] { return event_links_.barred().has_value(); })) {
        return std::nullopt;
      }
      auto event = decode_event(frame.data<char>(), frame.size());
      if (!event) {
        ++malformed;
        continue;
      }
      const auto lost = numbers.observe(event->topic, event->header.inc, event->header.seq,
                                        begins(event->topic, DENIED) ? event->header.src : "");
      if (!lost) continue;  // already seen
      event->lost = *lost;
      if (const auto denied = event->as<Denied>()) narrow(*denied);
      if (const auto of_orders = order_loss(*event)) event->lost = *of_orders;
      const bool shows = event->topic == BEATS && event->lost > 0;
      if (is_ours(event->topic) && !shows && !listens(event->topic)) continue;  // ours alone, to see the last loss
      return event;
    }
  }

  /** The result of any op. `Args` may be one of the generated structs or a `Value`. */
  template <typename R = Value, typename Args>
  Result<R> request(const std::string& process, const std::string& op, const Args& args,
                    std::optional<Milliseconds> patience = std::nullopt) {
    const auto wait = std::min(patience.value_or(timeout_), LONGEST);
    const std::int64_t id = next_id_++;
    const auto until = std::chrono::system_clock::now() + wait;
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(until.time_since_epoch()).count();
    const auto frame = encode_request(Value(id), op, made(args), ns);
    Result<R> result;
    if (frame.size() > MAX_REQUEST_BYTES) {
      result.error.kind = Error::Kind::refused;
      result.error.code = "malformed";
      result.error.message = std::to_string(frame.size()) + " bytes; a request is at most 262144";
      return result;
    }
    auto reply = exchange(process, Value(id), frame, wait);
    result.error = std::move(reply.error);
    if (result.ok() && !take(reply.value, result.value)) {
      return Result<R>::failed(Error::Kind::malformed, "the result of " + op + " has another shape");
    }
    return result;
  }

  /**
   * Durable and written, or why not. Placing the same order again under its `client_order_id` never places a second
   * one, so after `outcome_unknown` simply call it again. Its verdict comes on `order/<strategy>/<client_order_id>/`.
   */
  Result<OrderAccepted> place(const PlaceOrder& order) {
    return request<OrderAccepted>("orders", "place_order", order);
  }
  Result<OrderAccepted> cancel(const CancelOrder& order) {
    return request<OrderAccepted>("orders", "cancel_order", order);
  }

  /** As below; other events are let go. */
  std::optional<Order> done(const std::string& strategy, const std::string& client_order_id, Milliseconds patience) {
    return done(strategy, client_order_id, patience, [](const Event&) {});
  }
  /**
   * Waits until nothing more can come of an order; how it stands then, or empty. Other events are handed to `others`.
   * What may have happened while nobody listened is asked for first, and whenever order events are known to be lost.
   */
  template <typename Others>
  std::optional<Order> done(const std::string& strategy, const std::string& client_order_id, Milliseconds patience,
                            Others others) {
    static const std::set<std::string> terminal = {"filled", "cancelled", "rejected", "not_sent"};
    const auto own = "order/" + strategy + "/";
    const auto topic = own + client_order_id + "/";
    const auto deadline = after(patience);
    bool ask = true;
    std::int64_t known = 0;  // what came before it was asked for may be older
    while (std::chrono::steady_clock::now() < deadline) {
      const auto left =
          std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now()) + Milliseconds(1);
      if (ask) {
        auto order = stands(strategy, client_order_id, std::min(left, Milliseconds(5'000)));
        if (order.ok() && order.value && terminal.count(order.value->status) > 0) return order.value;
        if (order.ok() && order.value) known = order.value->event_no.value_or(0);
        if (!order.ok() && order.error.kind != Error::Kind::outcome_unknown) break;
        ask = !order.ok();
        continue;
      }
      auto event = next(left);
      if (!event) break;
      ask = event->lost > 0 && (event->topic == BEATS || event->topic.compare(0, own.size(), own) == 0);
      auto order = event->topic == topic ? event->as<Order>() : std::nullopt;
      if (order && order->event_no.value_or(0) >= known && terminal.count(order->status) > 0) return order;
      others(*event);
    }
    return std::nullopt;
  }

  /** An order as the node has it now; empty where it has none of that name. */
  Result<std::optional<Order>> stands(const std::string& strategy, const std::string& client_order_id,
                                      std::optional<Milliseconds> patience = std::nullopt) {
    GetOrders wanted;
    wanted.strategy = strategy;
    wanted.client_order_id = client_order_id;
    auto found = request<OrderList>("orders", "get_orders", wanted, patience);
    Result<std::optional<Order>> made;
    made.error = std::move(found.error);
    if (!made.ok() || found.value.orders.empty()) return made;
    Value row = Value::map();
    for (const auto& [key, item] : found.value.orders.front()) row.set(key, item);
    // It came as no event, so it has no header of its own.
    for (const auto& [key, item] : Map<Value>{{"v", 1}, {"src", "orders"}, {"inc", 0}, {"seq", 0}, {"ts", 0}}) {
      row.set(key, item);
    }
    Order order;
    if (!order.read(row)) {
      return Result<std::optional<Order>>::failed(Error::Kind::malformed, "an order of another shape");
    }
    made.value = std::move(order);
    return made;
  }

  /** Sends any bytes at all and takes the reply under `id`; for tests of the protocol. */
  Result<Value> exchange(const std::string& process, const Value& id, const std::string& frame,
                         Milliseconds patience) {
    const auto where = cluster_.requests(process);
    if (!where) return Result<Value>::failed(Error::Kind::unusable, "no process is called " + process);
    const auto deadline = after(patience);
    auto& [socket, links] = dealer(process, *where);
    links.look();
    const bool was_up = links.up();
    const auto sent = links.times_up();
    std::string mistake;
    // told only of a request that cannot have left: it waits in the socket, which is closed then
    const auto refused = [&, &links = links] {
      if (was_up || links.times_up() != sent) return false;
      const auto found = links.barred();
      if (found) mistake = found->second;
      return found.has_value();
    };
    if (sent_now(socket, frame)) {
      zmq::message_t answer;
      while (receive(socket, links, answer, deadline, refused)) {
        auto reply = decode_reply(answer.data<char>(), answer.size());
        if (!reply) {
          ++malformed;
        } else if (same(reply->id, id)) {
          return std::move(reply->result);
        }
      }
    }
    if (!mistake.empty()) {
      dealers_.erase(process);  // the next request tries anew
      Result<Value> result;
      result.error = not_let_in(*where, mistake);
      return result;
    }
    return Result<Value>::failed(Error::Kind::outcome_unknown,
                                 process + " has not answered: the outcome is unknown; the same request again is safe");
  }

 private:
  static constexpr const char* BEATS = "node/orders/";
  /** Says which part of a wish for order events a key opens. */
  static constexpr const char* DENIED = "denied/";
  static constexpr std::size_t MAX_REQUEST_BYTES = 256 * 1024;
  /** What is longer is for ever; clocks could not count to it. */
  static constexpr Milliseconds LONGEST = std::chrono::hours(24 * 365);

  static bool sent_now(zmq::socket_t& socket, const std::string& frame) {
    try {
      return socket.send(zmq::buffer(frame), zmq::send_flags::dontwait).has_value();
    } catch (const zmq::error_t&) {
      return false;
    }
  }

  /** No ZMTP heartbeats: they end processes (SPEC: Sockets). TCP keepalive finds a peer that is gone. */
  void tune(zmq::socket_t& socket) const {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::reconnect_ivl, 50);
    socket.set(zmq::sockopt::reconnect_ivl_max, 500);
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::tcp_keepalive_idle, 5);
    socket.set(zmq::sockopt::tcp_keepalive_intvl, 2);
    socket.set(zmq::sockopt::tcp_keepalive_cnt, 3);
    socket.set(zmq::sockopt::tcp_maxrt, 15'000);
    socket.set(zmq::sockopt::sndhwm, 10'000);  // of subscriptions too: what has no room is dropped without a word
    if (!cluster_.server_key.empty()) {
      socket.set(zmq::sockopt::curve_serverkey, cluster_.server_key);
      socket.set(zmq::sockopt::curve_publickey, cluster_.public_key);
      socket.set(zmq::sockopt::curve_secretkey, cluster_.secret_key);
    }
  }

  struct Dealer {
    zmq::socket_t socket;
    Links links;
    Dealer(zmq::context_t& context, bool keyed)
        : socket(context, zmq::socket_type::dealer), links(context, socket, keyed) {}
  };

  bool keyed() const { return !cluster_.server_key.empty(); }

  static Error not_let_in(const std::string& endpoint, const std::string& mistake) {
    Error error;
    error.kind = Error::Kind::not_let_in;
    error.code = mistake;
    error.message = endpoint + " does not let this client in: " + mistake;
    return error;
  }

  Dealer& dealer(const std::string& process, const std::string& where) {
    auto& made = dealers_[process];
    if (!made) {
      made = std::make_unique<Dealer>(context_, keyed());
      tune(made->socket);
      made->socket.connect(where);
    }
    return *made;
  }

  /** Whether a frame came before the deadline, and before `refused`, which is asked when a link may have changed. */
  template <typename Refused>
  static bool receive(zmq::socket_t& socket, Links& links, zmq::message_t& frame,
                      std::chrono::steady_clock::time_point deadline, Refused refused) {
    for (;;) {
      try {
        if (socket.recv(frame, zmq::recv_flags::dontwait)) return true;
        links.look();
        if (refused()) return false;
        const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() < 0) return false;
        zmq::pollitem_t items[] = {{socket.handle(), 0, ZMQ_POLLIN, 0}, {links.monitor().handle(), 0, ZMQ_POLLIN, 0}};
        zmq::poll(items, 2, std::min(left, Milliseconds(200)) + Milliseconds(1));  // a handshake that hangs is no event
      } catch (const zmq::error_t&) {
        return false;  // a signal: the caller sees that nothing came
      }
    }
  }

  static bool same(const Value& found, const Value& wanted) {
    const auto* number = wanted.as<std::int64_t>();
    const auto* given = found.as<std::int64_t>();
    return number == nullptr || (given != nullptr && *given == *number);
  }

  static bool begins(const std::string& topic, const std::string& prefix) {
    return topic.compare(0, prefix.size(), prefix) == 0;
  }

  /** Whether one durable series counts everything below this prefix: all orders, or those of a strategy. */
  static bool counts_orders(const std::string& topic) {
    return begins("order/", topic) ||
           (begins(topic, "order/") && std::count(topic.begin(), topic.end(), '/') == 2 && topic.back() == '/');
  }

  /** What we listen to for our own sake. */
  static bool is_ours(const std::string& topic) { return topic == BEATS || begins(topic, DENIED); }

  static std::chrono::steady_clock::time_point after(Milliseconds patience) {
    return std::chrono::steady_clock::now() + std::min(patience, LONGEST);
  }

  bool listens(const std::string& topic) const {
    return std::any_of(topics_.begin(), topics_.end(),
                       [&topic](const std::string& prefix) { return topic.compare(0, prefix.size(), prefix) == 0; });
  }

  /** Of the whole subscription to order events, by their durable numbers; empty where none counts this event. */
  std::optional<std::int64_t> order_loss(const Event& event) {
    std::optional<std::int64_t> most;
    for (auto& [prefix, series] : order_numbers) {
      const auto parts = narrowed_.find(prefix);
      auto lost = parts == narrowed_.end() ? loss_of(prefix, series, event) : std::nullopt;
      if (parts != narrowed_.end()) {
        for (auto& [part, own] : parts->second) {
          if (const auto found = loss_of(part, own, event)) lost = lost.value_or(0) + *found;
        }
        series.lost += lost.value_or(0);
      }
      if (lost) most = std::max(most.value_or(0), *lost);
    }
    return most;
  }

  /** The key opens only a part of what was wished for: only the numbers of that part are without gaps. */
  void narrow(const Denied& denied) {
    if (order_numbers.count(denied.wish) == 0) return;
    auto& parts = narrowed_[denied.wish];
    std::map<std::string, OrderNumbers> open;
    for (const auto& prefix : denied.granted.value_or(std::vector<std::string>{})) {
      if (counts_orders(prefix)) open[prefix] = parts[prefix];
    }
    parts = std::move(open);
  }

  static std::optional<std::int64_t> loss_of(const std::string& prefix, OrderNumbers& series, const Event& event) {
    const auto strategy = prefix.size() > 6 ? prefix.substr(6, prefix.size() - 7) : std::string();
    if (event.topic == BEATS) return observe_beat(event, strategy, series);
    std::int64_t number = 0;
    std::optional<bool> snapshot;
    if (!begins(event.topic, prefix)) return std::nullopt;
    if (!get(event.fields, strategy.empty() ? "event_no" : "strategy_no", number)) return std::nullopt;
    get(event.fields, "snapshot", snapshot);
    return series.observe_event(number, snapshot.value_or(false));
  }

  static std::optional<std::int64_t> observe_beat(const Event& event, const std::string& strategy, OrderNumbers& series) {
    const auto beat = event.as<Heartbeat>();
    if (!beat) return std::nullopt;
    if (strategy.empty()) return beat->last_event_no ? series.observe_heartbeat(*beat->last_event_no) : 0;
    if (!beat->strategy_nos) return 0;
    const auto found = beat->strategy_nos->find(strategy);
    return series.observe_heartbeat(found == beat->strategy_nos->end() ? 0 : found->second);
  }

  Cluster cluster_;
  Milliseconds timeout_;
  zmq::context_t context_;
  zmq::socket_t events_;
  Links event_links_;
  std::map<std::string, std::unique_ptr<Dealer>> dealers_;
  std::set<std::string> topics_;
  /** What is open of a wish in `order_numbers` that the key does not open as a whole. */
  std::map<std::string, std::map<std::string, OrderNumbers>> narrowed_;
  std::int64_t next_id_ = 1;
};

}  // namespace twsmq
