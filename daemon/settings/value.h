#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "settings/address.h"
#include "settings/fill.h"
#include "settings/node.h"
#include "settings/report.h"

// Typed reading of the tree. A value that is absent gives nothing; one that is wrong gives nothing and a problem.
namespace evloopd::settings {

// What all values of one file share.
struct Reading {
  Report& report;
  Sources sources;
  std::map<std::string, std::string>& hidden;  // Settings::hidden
};

class Mapping;

// One place of the file where a value is or might be. Cheap to copy; valid as long as the Reading.
class Value {
 public:
  Value(Reading& reading, NodePtr node, Position position, std::string path)
      : reading_(&reading), node_(std::move(node)), position_(position), path_(std::move(path)) {}

  [[nodiscard]] bool present() const noexcept { return node_ != nullptr; }
  [[nodiscard]] Position position() const noexcept { return position_; }  // absent: of the mapping it should be in
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // Reports a problem at this place.
  void refuse(std::string message) const;
  // If absent: reports that it is missing.
  const Value& require(std::string_view advice) const;

  // `what` describes what is allowed, as in "must be {what}, got 7".
  [[nodiscard]] std::optional<std::string> text(std::string_view what) const;
  // As text(), and `${file:...}` may be in it.
  [[nodiscard]] std::optional<std::string> secret(std::string_view what) const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<int> integer(int least, int most) const;
  // As integer(), and `word` stands for `meaning`.
  [[nodiscard]] std::optional<int> integer_or(std::string_view word, int meaning, int least, int most) const;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> duration(std::chrono::nanoseconds least,
                                                                 std::chrono::nanoseconds most) const;
  [[nodiscard]] std::optional<std::size_t> size(std::size_t least, std::size_t most) const;
  [[nodiscard]] std::optional<Address> address() const;
  // The index of the word that is given.
  [[nodiscard]] std::optional<std::size_t> choice(std::span<const std::string> words) const;
  // The same as an enumerator, for words in the order of the enumerators.
  template <class E>
  [[nodiscard]] std::optional<E> choice_of(std::span<const std::string> words) const {
    return choice(words).transform([](std::size_t index) { return static_cast<E>(index); });
  }

  // Its items; none if it is absent or wrong, or has more than `most`.
  [[nodiscard]] std::vector<Value> list(std::string_view what, std::size_t most) const;
  // Nothing in it if it is absent or wrong.
  [[nodiscard]] Mapping mapping(std::string_view what = "a mapping with keys") const;
  [[nodiscard]] bool is_mapping() const noexcept { return node_ && node_->kind == Node::Kind::mapping; }
  [[nodiscard]] bool is_sequence() const noexcept { return node_ && node_->kind == Node::Kind::sequence; }
  [[nodiscard]] bool is_empty_sequence() const noexcept { return is_sequence() && node_->items.empty(); }

 private:
  struct Scalar {
    std::string text;
    std::string given;  // for messages
  };
  [[nodiscard]] std::optional<Scalar> scalar(std::string_view what, bool may_be_secret = false) const;
  void refuse_scalar(std::string_view what, const Scalar& given) const;
  void refuse_kind(std::string_view what) const;

  Reading* reading_;
  NodePtr node_;
  Position position_;
  std::string path_;
};

// A value with keys. The keys that are asked for are those that are known; finish() reports the others.
class Mapping {
 public:
  Mapping(Reading& reading, NodePtr node, Position position, std::string path)
      : reading_(&reading), node_(std::move(node)), position_(position), path_(std::move(path)) {}

  [[nodiscard]] Value operator[](std::string_view key);

  // All of it, for a mapping whose keys are free.
  struct Entry {
    std::string key;
    Value at_key;  // to refuse the key
    Value value;
  };
  [[nodiscard]] std::vector<Entry> all() const;

  void finish() const;

 private:
  [[nodiscard]] std::string path_of(std::string_view key) const;

  Reading* reading_;
  NodePtr node_;  // a mapping or null
  Position position_;
  std::string path_;
  std::vector<std::string> known_;
};

// `target` keeps its default unless there is a value.
template <class T>
bool assign(T& target, std::optional<T> value) {
  if (value) target = *std::move(value);
  return value.has_value();
}

}  // namespace evloopd::settings
