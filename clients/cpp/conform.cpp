// The program that `twsmq conform` runs to prove this client: a command per line on standard input, an observation per
// line on standard output (protocol/vectors/sessions/README.md).
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "twsmq.hpp"

using nlohmann::json;
using twsmq::Value;

namespace {

constexpr std::int64_t LARGEST = (std::int64_t{1} << 53) - 1;

Value from_json(const json& from) {
  switch (from.type()) {
    case json::value_t::null:
      return Value();
    case json::value_t::boolean:
      return Value(from.get<bool>());
    case json::value_t::number_float:
      return Value(from.get<double>());
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      return Value(from.get<std::int64_t>());
    case json::value_t::string:
      return Value(from.get<std::string>());
    case json::value_t::array: {
      twsmq::List list;
      for (const auto& item : from) list.push_back(from_json(item));
      return Value(std::move(list));
    }
    default: {
      if (from.size() == 1 && from.contains("$big")) return Value(std::int64_t{std::stoll(from["$big"].get<std::string>())});
      Value map = Value::map();
      for (const auto& [key, item] : from.items()) map.set(key, from_json(item));
      return map;
    }
  }
}

std::string hex_of(const std::string& bytes) {
  static const char* digits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex.push_back(digits[byte >> 4]);
    hex.push_back(digits[byte & 15]);
  }
  return hex;
}

json to_json(const Value& from) {
  if (const auto* held = from.as<bool>()) return *held;
  if (const auto* held = from.as<double>()) return *held;
  if (const auto* held = from.as<std::string>()) return *held;
  if (const auto* held = from.as<std::int64_t>()) {
    if (*held > LARGEST || *held < -LARGEST) return {{"$big", std::to_string(*held)}};
    return *held;
  }
  if (const auto* held = from.as<twsmq::Bytes>()) return {{"$bin", hex_of(std::string(held->begin(), held->end()))}};
  if (const auto* held = from.as<twsmq::List>()) {
    json list = json::array();
    for (const auto& item : *held) list.push_back(to_json(item));
    return list;
  }
  if (const auto* held = from.as<twsmq::Map<Value>>()) {
    json map = json::object();
    for (const auto& [key, item] : *held) map[key] = to_json(item);
    return map;
  }
  return nullptr;
}

json optional_text(const std::optional<std::string>& from) { return from ? json(*from) : json(nullptr); }
json optional_number(const std::optional<std::int64_t>& from) { return from ? json(*from) : json(nullptr); }

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

json reply_of(const twsmq::Result<Value>& result, const Value& id) {
  json reply = {{"id", to_json(id)}, {"ok", result.ok()}};
  if (result.ok()) {
    reply["result"] = to_json(result.value);
  } else {
    reply["error"] = {{"code", result.error.code},
                      {"message", result.error.message},
                      {"field", optional_text(result.error.field)},
                      {"tws_code", optional_number(result.error.tws_code)}};
  }
  return reply;
}

json failure(const twsmq::Error& error) {
  switch (error.kind) {
    case twsmq::Error::Kind::refused:
      return {{"refused",
               {{"code", error.code}, {"field", optional_text(error.field)}, {"tws_code", optional_number(error.tws_code)}}}};
    case twsmq::Error::Kind::outcome_unknown:
      return {{"outcome_unknown", true}};
    case twsmq::Error::Kind::not_let_in:
      return {{"connection_refused", error.code}};
    case twsmq::Error::Kind::malformed:
      return {{"malformed", true}};
    default:
      return {{"failed", error.message}};
  }
}

/** Every event of the protocol as its struct, so that each generated reader is exercised. */
bool reads(const twsmq::Event& event);

class Program {
 public:
  json carry_out(const json& command) {
    const auto what = command.at("do").get<std::string>();
    if (what == "decode_event") return decode_event(command);
    if (what == "decode_reply") return decode_reply(command);
    if (what == "encode_request") return encode_request(command);
    if (what == "connect") return connect(command);
    if (what == "subscribe") return subscribe(command);
    if (what == "unsubscribe") return unsubscribe(command);
    if (what == "next") return next(command);
    if (what == "request") return request(command);
    if (what == "raw") return raw(command);
    if (what == "losses") return losses();
    if (what == "close") {
      client_.reset();
      return json::object();
    }
    return {{"unknown_command", what}};
  }

 private:
  static json decode_event(const json& command) {
    const auto bytes = bytes_of(command.at("hex"));
    const auto event = twsmq::decode_event(bytes.data(), bytes.size());
    if (!event) return {{"malformed", true}};
    if (!reads(*event)) return {{"failed", "the struct of " + event->type + " does not read it"}};
    return {{"topic", event->topic}, {"event", to_json(event->fields)}};
  }

  static json decode_reply(const json& command) {
    const auto bytes = bytes_of(command.at("hex"));
    const auto reply = twsmq::decode_reply(bytes.data(), bytes.size());
    if (!reply) return {{"malformed", true}};
    return {{"reply", reply_of(reply->result, reply->id)}};
  }

  static json encode_request(const json& command) {
    std::optional<std::int64_t> until;
    if (command.contains("valid_until")) {
      const auto given = from_json(command["valid_until"]);
      if (const auto* ns = given.as<std::int64_t>()) until = *ns;
    }
    const auto args = command.contains("args") ? from_json(command["args"]) : Value::map();
    return {{"hex", hex_of(twsmq::encode_request(from_json(command.at("id")), command.at("op"), args, until))}};
  }

  json connect(const json& command) {
    auto cluster = twsmq::Cluster::local(command.value("port_base", 5500));
    if (command.contains("keys")) {
      const auto found = twsmq::Cluster::from_file(command["keys"]);
      if (!found) return failure(found.error);
      cluster = found.value;
    }
    client_ = std::make_unique<twsmq::Client>(cluster);
    return json::object();
  }

  json unsubscribe(const json& command) {
    for (const auto& topic : command.at("topics")) client_->unsubscribe(topic);
    return json::object();
  }

  json subscribe(const json& command) {
    for (const auto& topic : command.at("topics")) client_->subscribe(topic);
    return json::object();
  }

  json next(const json& command) {
    for (;;) {
      const auto event = client_->next(patience(command));
      const auto refusal = event ? std::nullopt : client_->refusal();
      if (refusal) return failure(*refusal);
      if (!event) return {{"nothing", true}};
      if (!reads(*event)) continue;  // of a type that this version does not know
      return {{"topic", event->topic}, {"event", to_json(event->fields)}, {"lost", event->lost}};
    }
  }

  json request(const json& command) {
    const auto args = command.contains("args") ? from_json(command["args"]) : Value::map();
    const auto result = client_->request<Value>(command.at("process"), command.at("op"), args, patience(command));
    return result ? json{{"result", to_json(result.value)}} : failure(result.error);
  }

  json raw(const json& command) {
    const auto id = from_json(command.at("id"));
    const auto result = client_->exchange(command.at("process"), Value(), bytes_of(command.at("hex")), patience(command));
    if (result.error.kind == twsmq::Error::Kind::outcome_unknown || result.error.kind == twsmq::Error::Kind::not_let_in)
      return failure(result.error);
    return {{"reply", reply_of(result, id)}};
  }

  json losses() const {
    json orders = json::object();
    for (const auto& [prefix, series] : client_->order_numbers) orders[prefix] = series.lost;
    return {{"lost", client_->numbers.lost}, {"restarts", client_->numbers.restarts}, {"orders", orders}};
  }

  static twsmq::Client::Milliseconds patience(const json& command) {
    return twsmq::Client::Milliseconds(command.value("timeout_ms", 5'000));
  }

  std::unique_ptr<twsmq::Client> client_;
};

template <typename... Known>
bool reads_one_of(const twsmq::Event& event) {
  return (event.as<Known>().has_value() || ...);
}

bool reads(const twsmq::Event& event) {
  using namespace twsmq;
  return reads_one_of<TWSMQ_EVENTS>(event);
}

}  // namespace

int main() {
  Program program;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    json answer;
    try {
      answer = program.carry_out(json::parse(line));
    } catch (const std::exception& problem) {
      answer = {{"failed", problem.what()}};
    }
    std::cout << answer.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
  }
}
