#include "contract/program.h"

#include "contract/exceptions.h"

namespace evloop::contract {
namespace {

Steps steps_in(const Json& json, const char* name) {
  return json.contains(name) ? parse_steps(json.at(name)) : Steps();
}

Bodies bodies_in(const Json& json, const char* section) {
  Bodies bodies;
  if (json.contains(section))
    for (const auto& [name, steps] : json.at(section).items()) bodies.emplace(name, parse_steps(steps));
  return bodies;
}

std::string field_text(const Json& value, const std::string& type) {
  if (type == "seconds" || type == "seconds_or_null")
    return value.is_null() ? "none" : seconds_text(value.get<double>());
  if (type == "exc" || type == "settable") return "{" + exception_spec_text(value) + "}";
  if (type == "targets" || type == "awaitables") return "[" + join(value.get<std::vector<std::string>>()) + "]";
  if (type == "value" || type == "bool" || type == "text") return json_text(value);
  if (type == "handler_or_null" && value.is_null()) return "none";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

Step::Step(const Json& json)
    : known_(&find_operation(json.at("op").get<std::string>())),
      members_(json),
      body_(steps_in(json, "body")),
      otherwise_(steps_in(json, "else")),
      finally_(steps_in(json, "finally")),
      propagates_(json.value("propagate", false)) {
  if (json.contains("except"))
    for (const auto& clause : json.at("except"))
      clauses_.push_back({clause.at("types").get<std::vector<std::string>>(), parse_steps(clause.at("body"))});
  for (const char* name : {"body", "else", "finally", "except"}) members_.erase(name);
  headline_ = make_headline();
}

std::optional<Duration> Step::seconds(const std::string& name) const {
  if (!has(name) || member(name).is_null()) return std::nullopt;
  return to_duration(member(name).get<double>());
}

// The operation, its required members by value, then the optional ones as name=value, in the order of the table.
std::string Step::make_headline() const {
  std::string text(operation().name);
  for (const auto& field : fields()) {
    if (!has(field.name)) continue;
    text += " ";
    if (field.name == "as") {
      text += "as ";
    } else if (!field.required) {
      text += field.name + "=";
    }
    text += field_text(member(field.name), field.type);
  }
  return text;
}

Steps parse_steps(const Json& json) {
  Steps steps;
  steps.reserve(json.size());
  for (const auto& step : json) steps.emplace_back(step);
  return steps;
}

Program::Program(const Json& json)
    : name(json.at("name").get<std::string>()),
      declared(json),
      main(parse_steps(json.at("main"))),
      callbacks(bodies_in(json, "callbacks")),
      coroutines(bodies_in(json, "coroutines")),
      generators(bodies_in(json, "generators")),
      handlers(bodies_in(json, "handlers")),
      jobs(bodies_in(json, "jobs")) {}

}  // namespace evloop::contract
