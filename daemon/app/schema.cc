#include "app/schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/schema_text.h"

namespace evloopd::app {
namespace {

using Json = nlohmann::ordered_json;

Json reference(const std::string& definition) { return {{"$ref", "#/definitions/" + definition}}; }

// What every workload has, and the kind's own.
Json definition_of(const settings::Kind& kind) {
  Json properties{
      {"name", reference("name")}, {"kind", {{"const", kind.name}}}, {"loops", reference("workload_loops")}};
  Json required{"name", "kind"};
  if (kind.listens == host::Listens::streams) {
    properties["listen"] = reference("addresses");
    properties["backlog"] = reference("backlog");
  } else if (kind.listens == host::Listens::datagrams) {
    properties["listen"] = reference("datagram_addresses");
  }
  if (kind.listens != host::Listens::nothing) required.push_back("listen");
  properties.update(Json::parse(kind.schema));
  return {{"type", "object"},
          {"additionalProperties", false},
          {"required", std::move(required)},
          {"properties", std::move(properties)}};
}

}  // namespace

std::string configuration_schema(const settings::Kinds& kinds) {
  auto schema = Json::parse(schema_text);
  auto& definitions = schema["definitions"];
  auto& choices = schema["properties"]["workloads"]["items"]["oneOf"];
  // A program may leave out some of the standard kinds.
  choices = Json::array();
  for (const auto& kind : kinds) {
    auto name = kind.name;
    std::ranges::replace(name, '.', '_');
    if (!definitions.contains(name)) definitions[name] = definition_of(kind);
    choices.push_back(reference(name));
  }
  return schema.dump(2) + '\n';
}

}  // namespace evloopd::app
