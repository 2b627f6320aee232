// Whatever a message can hold, and how a struct's fields are read from it and put into it.
//
// Theory: a message is decoded once into a `Value`; structs take their fields from it by name. A field this version does
// not know is left where it is, a missing or nil one leaves an optional empty. Integers and floats are read alike where
// the protocol says float, because a sender may write 10 for 10.0.
#pragma once

#include <cstdint>
#include <map>
#include <msgpack.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace twsmq {

class Value;
template <typename T>
using Map = std::map<std::string, T>;
using List = std::vector<Value>;
/** msgpack's binary. */
using Bytes = std::vector<char>;

class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool given) : held_(given) {}
  Value(int given) : held_(static_cast<std::int64_t>(given)) {}
  Value(std::int64_t given) : held_(given) {}
  Value(double given) : held_(given) {}
  Value(const char* given) : held_(std::string(given)) {}
  Value(std::string given) : held_(std::move(given)) {}
  Value(Bytes given) : held_(std::move(given)) {}
  Value(List given) : held_(std::move(given)) {}
  Value(Map<Value> given) : held_(std::move(given)) {}

  static Value map() { return Value(Map<Value>{}); }

  bool is_nil() const { return std::holds_alternative<std::monostate>(held_); }
  bool is_map() const { return std::holds_alternative<Map<Value>>(held_); }

  template <typename T>
  const T* as() const {
    return std::get_if<T>(&held_);
  }

  /** The value under a key of a map; null where there is none. */
  const Value* find(const std::string& key) const {
    const auto* map = as<Map<Value>>();
    if (map == nullptr) return nullptr;
    const auto found = map->find(key);
    return found == map->end() ? nullptr : &found->second;
  }

  void set(const std::string& key, Value value) {
    if (!is_map()) held_ = Map<Value>{};
    std::get<Map<Value>>(held_)[key] = std::move(value);
  }

  template <typename Packer>
  void pack(Packer& packer) const {
    std::visit([&packer](const auto& held) { pack_one(packer, held); }, held_);
  }

  /** Empty for what msgpack knows and this protocol does not: ext types, other keys than texts, endless nesting. */
  static std::optional<Value> unpack(const msgpack::object& from, int depth = 0) {
    if (depth > DEEPEST) return std::nullopt;  // each level takes some of the stack
    switch (from.type) {
      case msgpack::type::NIL:
        return Value();
      case msgpack::type::BOOLEAN:
        return Value(from.via.boolean);
      case msgpack::type::POSITIVE_INTEGER:
        if (from.via.u64 > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
        return Value(static_cast<std::int64_t>(from.via.u64));
      case msgpack::type::NEGATIVE_INTEGER:
        return Value(from.via.i64);
      case msgpack::type::FLOAT32:
      case msgpack::type::FLOAT64:
        return Value(from.via.f64);
      case msgpack::type::STR:
        return Value(std::string(from.via.str.ptr, from.via.str.size));
      case msgpack::type::BIN:
        return Value(Bytes(from.via.bin.ptr, from.via.bin.ptr + from.via.bin.size));
      case msgpack::type::ARRAY:
        return unpack_list(from.via.array, depth + 1);
      case msgpack::type::MAP:
        return unpack_map(from.via.map, depth + 1);
      default:
        return std::nullopt;
    }
  }

 private:
  static constexpr int DEEPEST = 200;

  static std::optional<Value> unpack_list(const msgpack::object_array& from, int depth) {
    List list;
    list.reserve(from.size);
    for (std::uint32_t at = 0; at < from.size; ++at) {
      auto item = unpack(from.ptr[at], depth);
      if (!item) return std::nullopt;
      list.push_back(std::move(*item));
    }
    return Value(std::move(list));
  }

  static std::optional<Value> unpack_map(const msgpack::object_map& from, int depth) {
    Map<Value> map;
    for (std::uint32_t at = 0; at < from.size; ++at) {
      const auto& pair = from.ptr[at];
      if (pair.key.type != msgpack::type::STR) return std::nullopt;
      auto item = unpack(pair.val, depth);
      if (!item) return std::nullopt;
      map[std::string(pair.key.via.str.ptr, pair.key.via.str.size)] = std::move(*item);
    }
    return Value(std::move(map));
  }

  template <typename Packer>
  static void pack_one(Packer& packer, const std::monostate&) {
    packer.pack_nil();
  }
  template <typename Packer>
  static void pack_one(Packer& packer, const List& list) {
    packer.pack_array(static_cast<std::uint32_t>(list.size()));
    for (const auto& item : list) item.pack(packer);
  }
  template <typename Packer>
  static void pack_one(Packer& packer, const Map<Value>& map) {
    packer.pack_map(static_cast<std::uint32_t>(map.size()));
    for (const auto& [key, item] : map) {
      packer.pack(key);
      item.pack(packer);
    }
  }
  template <typename Packer, typename T>
  static void pack_one(Packer& packer, const T& plain) {
    packer.pack(plain);
  }

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, List, Map<Value>> held_;
};

// --- from a value into a member: false where it is something else -------------------------------------------------

inline bool take(const Value& from, Value& into) {
  into = from;
  return true;
}
inline bool take(const Value& from, bool& into) {
  const auto* found = from.as<bool>();
  if (found != nullptr) into = *found;
  return found != nullptr;
}
inline bool take(const Value& from, std::int64_t& into) {
  const auto* found = from.as<std::int64_t>();
  if (found != nullptr) into = *found;
  return found != nullptr;
}
inline bool take(const Value& from, double& into) {
  if (const auto* found = from.as<double>()) {
    into = *found;
    return true;
  }
  const auto* whole = from.as<std::int64_t>();
  if (whole != nullptr) into = static_cast<double>(*whole);
  return whole != nullptr;
}
inline bool take(const Value& from, std::string& into) {
  const auto* found = from.as<std::string>();
  if (found != nullptr) into = *found;
  return found != nullptr;
}
inline bool take(const Value& from, Bytes& into) {
  const auto* found = from.as<Bytes>();
  if (found != nullptr) into = *found;
  return found != nullptr;
}
template <typename T>
bool take(const Value& from, std::vector<T>& into);
template <typename T>
bool take(const Value& from, Map<T>& into);
template <typename T>
auto take(const Value& from, T& into) -> decltype(into.read(from)) {
  return into.read(from);
}
template <typename T>
bool take(const Value& from, std::optional<T>& into) {
  if (from.is_nil()) {
    into.reset();
    return true;
  }
  T held{};
  if (!take(from, held)) return false;
  into = std::move(held);
  return true;
}
template <typename T>
bool take(const Value& from, std::vector<T>& into) {
  const auto* list = from.as<List>();
  if (list == nullptr) return false;
  into.clear();
  for (const auto& item : *list) {
    T held{};
    if (!take(item, held)) return false;
    into.push_back(std::move(held));
  }
  return true;
}
template <typename T>
bool take(const Value& from, Map<T>& into) {
  const auto* map = from.as<Map<Value>>();
  if (map == nullptr) return false;
  into.clear();
  for (const auto& [key, item] : *map) {
    T held{};
    if (!take(item, held)) return false;
    into.emplace(key, std::move(held));
  }
  return true;
}

/** A field that may be nil, or that an older process does not send. */
template <typename T>
bool get(const Value& from, const char* key, std::optional<T>& into) {
  const auto* found = from.find(key);
  if (found == nullptr) {
    into.reset();
    return from.is_map();
  }
  return take(*found, into);
}
inline bool get(const Value& from, const char* key, Value& into) {
  const auto* found = from.find(key);
  into = found == nullptr ? Value() : *found;
  return from.is_map();
}
/** A field that is always there. */
template <typename T>
bool get(const Value& from, const char* key, T& into) {
  const auto* found = from.find(key);
  return found != nullptr && take(*found, into);
}

// --- from a member into a map; what is absent is left out ----------------------------------------------------------

inline Value made(const Value& from) { return from; }
inline Value made(bool from) { return Value(from); }
inline Value made(std::int64_t from) { return Value(from); }
inline Value made(double from) { return Value(from); }
inline Value made(const std::string& from) { return Value(from); }
inline Value made(const Bytes& from) { return Value(from); }
template <typename T>
Value made(const std::optional<T>& from);
template <typename T>
Value made(const std::vector<T>& from);
template <typename T>
Value made(const Map<T>& from);
template <typename T>
auto made(const T& from) -> decltype(from.to_value()) {
  return from.to_value();
}
template <typename T>
Value made(const std::optional<T>& from) {
  return from ? made(*from) : Value();
}
template <typename T>
Value made(const std::vector<T>& from) {
  List list;
  for (const auto& item : from) list.push_back(made(item));
  return Value(std::move(list));
}
template <typename T>
Value made(const Map<T>& from) {
  Value map = Value::map();
  for (const auto& [key, item] : from) map.set(key, made(item));
  return map;
}

template <typename T>
void put(Value& into, const char* key, const T& member) {
  into.set(key, made(member));
}
inline void put(Value& into, const char* key, const Value& member) {
  if (!member.is_nil()) into.set(key, member);
}
template <typename T>
void put(Value& into, const char* key, const std::optional<T>& member) {
  if (member) into.set(key, made(*member));
}

}  // namespace twsmq
