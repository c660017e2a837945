#include "settings/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "settings/text.h"
#include "settings/units.h"

namespace evloopd::settings {

void Value::refuse(std::string message) const { reading_->report.add(position_, path_, std::move(message)); }

const Value& Value::require(std::string_view advice) const {
  if (!present()) refuse(fmt::format("is missing; {}", advice));
  return *this;
}

void Value::refuse_kind(std::string_view what) const {
  if (node_->kind == Node::Kind::null) {
    refuse(fmt::format("has no value; it must be {}", what));
    return;
  }
  const auto* given = node_->kind == Node::Kind::mapping ? "a mapping" : "a list";
  refuse(fmt::format("must be {}, got {}", what, node_->kind == Node::Kind::scalar ? excerpt(node_->text) : given));
}

std::optional<Value::Scalar> Value::scalar(std::string_view what, bool may_be_secret) const {
  if (!node_) return std::nullopt;
  if (node_->kind != Node::Kind::scalar) {
    refuse_kind(what);
    return std::nullopt;
  }
  auto filled = fill(node_->text, reading_->sources);
  if (!filled) {
    refuse(std::move(filled.error()));
    return std::nullopt;
  }
  if (filled->from_file) {
    if (!may_be_secret) {
      refuse("cannot come from a file; ${file:...} is for texts such as a workload's body");
      return std::nullopt;
    }
    reading_->hidden[path_] = node_->text;
    return Scalar{std::move(filled->text), excerpt(node_->text)};
  }
  auto given = excerpt(filled->text);
  if (filled->text != node_->text) given += fmt::format(" from {}", excerpt(node_->text));
  return Scalar{std::move(filled->text), std::move(given)};
}

void Value::refuse_scalar(std::string_view what, const Scalar& given) const {
  refuse(fmt::format("must be {}, got {}", what, given.given));
}

std::optional<std::string> Value::text(std::string_view what) const {
  return scalar(what).transform([](Scalar s) { return std::move(s.text); });
}

std::optional<std::string> Value::secret(std::string_view what) const {
  return scalar(what, true).transform([](Scalar s) { return std::move(s.text); });
}

std::optional<bool> Value::boolean() const {
  constexpr std::string_view what = "true or false";
  const auto given = scalar(what);
  if (!given) return std::nullopt;
  if (given->text == "true") return true;
  if (given->text == "false") return false;
  refuse_scalar(what, *given);
  return std::nullopt;
}

namespace {

std::string integer_syntax(int least, int most) { return fmt::format("a whole number from {} to {}", least, most); }

std::optional<int> parse_integer(std::string_view text, int least, int most) {
  int value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value < least || value > most) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int> Value::integer(int least, int most) const {
  const auto what = integer_syntax(least, most);
  const auto given = scalar(what);
  if (!given) return std::nullopt;
  const auto value = parse_integer(given->text, least, most);
  if (!value) refuse_scalar(what, *given);
  return value;
}

std::optional<int> Value::integer_or(std::string_view word, int meaning, int least, int most) const {
  const auto what = fmt::format("{} or {}", word, integer_syntax(least, most));
  const auto given = scalar(what);
  if (!given) return std::nullopt;
  const auto value = given->text == word ? meaning : parse_integer(given->text, least, most);
  if (!value) refuse_scalar(what, *given);
  return value;
}

std::optional<std::chrono::nanoseconds> Value::duration(std::chrono::nanoseconds least,
                                                        std::chrono::nanoseconds most) const {
  const auto what = fmt::format("a duration with its unit (ms, s, m, h) from {} to {}", format_duration(least),
                                format_duration(most));
  const auto given = scalar(what);
  if (!given) return std::nullopt;
  if (const auto value = parse_duration(given->text); value && *value >= least && *value <= most) return value;
  refuse_scalar(what, *given);
  return std::nullopt;
}

std::optional<std::size_t> Value::size(std::size_t least, std::size_t most) const {
  const auto what =
      fmt::format("a size with its unit (B, KiB, MiB, GiB) from {} to {}", format_size(least), format_size(most));
  const auto given = scalar(what);
  if (!given) return std::nullopt;
  if (const auto value = parse_size(given->text); value && *value >= least && *value <= most) return value;
  refuse_scalar(what, *given);
  return std::nullopt;
}

std::optional<Address> Value::address() const {
  const auto given = scalar(address_syntax);
  if (!given) return std::nullopt;
  auto address = Address::parse(given->text);
  if (address) return *std::move(address);
  refuse(fmt::format("must be {}, got {}: {}", address_syntax, given->given, address.error()));
  return std::nullopt;
}

std::optional<std::size_t> Value::choice(std::span<const std::string> words) const {
  const auto what = one_of(words);
  const auto given = scalar(what);
  if (!given) return std::nullopt;
  const auto word = std::ranges::find(words, given->text);
  if (word != words.end()) return static_cast<std::size_t>(word - words.begin());
  refuse_scalar(what, *given);
  return std::nullopt;
}

std::vector<Value> Value::list(std::string_view what, std::size_t most) const {
  std::vector<Value> values;
  if (!node_) return values;
  if (node_->kind != Node::Kind::sequence) {
    refuse_kind(what);
  } else if (node_->items.size() > most) {
    refuse(fmt::format("must be {}, at most {}, got {}", what, most, node_->items.size()));
  } else {
    for (const auto& item : node_->items)
      values.emplace_back(*reading_, item, item->position, fmt::format("{}[{}]", path_, values.size()));
  }
  return values;
}

Mapping Value::mapping(std::string_view what) const {
  const bool right = node_ && node_->kind == Node::Kind::mapping;
  if (node_ && !right) refuse_kind(what);
  return {*reading_, right ? node_ : nullptr, position_, path_};
}

std::string Mapping::path_of(std::string_view key) const { return (path_.empty() ? "" : path_ + ".") + printable(key); }

Value Mapping::operator[](std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
  if (node_)
    for (const auto& entry : node_->entries)
      if (entry.key == key) return {*reading_, entry.value, entry.value->position, path_of(key)};
  return {*reading_, nullptr, position_, path_of(key)};
}

std::vector<Mapping::Entry> Mapping::all() const {
  std::vector<Entry> all;
  if (!node_) return all;
  for (const auto& [key, position, value] : node_->entries)
    all.push_back({.key = key,
                   .at_key = {*reading_, nullptr, position, path_of(key)},
                   .value = {*reading_, value, value->position, path_of(key)}});
  return all;
}

void Mapping::finish() const {
  if (!node_) return;
  for (const auto& [key, position, value] : node_->entries) {
    if (std::ranges::find(known_, key) != known_.end()) continue;
    const auto near = nearest(key, known_);
    reading_->report.add(position, path_of(key),
                         near.empty() ? fmt::format("unknown key; allowed here: {}", fmt::join(known_, ", "))
                                      : fmt::format("unknown key; did you mean {}?", excerpt(near)));
  }
}

}  // namespace evloopd::settings
