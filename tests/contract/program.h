#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "contract/operation.h"
#include "contract/value.h"

// A program, taken apart once before it runs. Nothing here changes afterwards.
namespace evloop::contract {

class Step;
using Steps = std::vector<Step>;

// A clause of a "try".
struct Clause {
  std::vector<std::string> types;
  Steps body;
};

class Step {
 public:
  explicit Step(const Json& json);

  [[nodiscard]] const Operation& operation() const noexcept { return known_->operation; }
  [[nodiscard]] const std::vector<Field>& fields() const noexcept { return known_->fields; }
  // "call_later 0.500 cb1 as h1": what introduces the step in the trace.
  [[nodiscard]] const std::string& headline() const noexcept { return headline_; }
  // An exception out of a sync step goes on instead of being dropped.
  [[nodiscard]] bool propagates() const noexcept { return propagates_; }

  // Members.
  [[nodiscard]] bool has(const std::string& name) const { return members_.contains(name); }
  [[nodiscard]] const Json& member(const std::string& name) const { return members_.at(name); }
  [[nodiscard]] std::string text(const std::string& name) const { return member(name).get<std::string>(); }
  [[nodiscard]] std::int64_t number(const std::string& name) const { return member(name).get<std::int64_t>(); }
  [[nodiscard]] std::vector<std::string> texts(const std::string& name) const {
    return member(name).get<std::vector<std::string>>();
  }
  [[nodiscard]] bool flag(const std::string& name) const { return has(name) && member(name).get<bool>(); }
  [[nodiscard]] Value value(const std::string& name) const { return has(name) ? Value::of(member(name)) : Value(); }
  // Seconds; none for null, or if the member is left out.
  [[nodiscard]] std::optional<Duration> seconds(const std::string& name) const;

  // Bodies of control and block steps.
  [[nodiscard]] const Steps& body() const noexcept { return body_; }
  [[nodiscard]] const std::vector<Clause>& clauses() const noexcept { return clauses_; }
  [[nodiscard]] const Steps& otherwise() const noexcept { return otherwise_; }
  [[nodiscard]] const Steps& finally() const noexcept { return finally_; }

 private:
  [[nodiscard]] std::string make_headline() const;

  const Known* known_;
  Json members_;  // without bodies
  Steps body_;
  std::vector<Clause> clauses_;
  Steps otherwise_;
  Steps finally_;
  std::string headline_;
  bool propagates_;
};

[[nodiscard]] Steps parse_steps(const Json& json);

using Bodies = std::map<std::string, Steps>;

struct Program {
  explicit Program(const Json& json);

  std::string name;
  Json declared;  // futures, locks, queues, ...
  Steps main;
  Bodies callbacks;
  Bodies coroutines;
  Bodies generators;
  Bodies handlers;
  Bodies jobs;
};

// True for "co1()" and the loop's own coroutines, false for an id.
[[nodiscard]] inline bool is_coroutine_target(const std::string& target) { return target.ends_with("()"); }

}  // namespace evloop::contract
