// The files of config/: the default, the samples, and the schema that editors use.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "settings/loading.h"
#include "settings/parse.h"
#include "settings/print.h"

namespace evloopd::settings {
namespace {

const std::filesystem::path config = EVLOOPD_CONFIG_DIR;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

Settings load(const std::filesystem::path& path) {
  const auto text = read(path);
  EXPECT_EQ(problems_of(text), "") << path;
  return load_text(path, text, test_environment()).value_or(Settings{});
}

using Listeners = std::vector<host::ListenerOptions>;
using Keys = std::set<std::string>;  // "workloads[].listen[].address"

// One group of loops may stand for a list of one.
Keys as_list_of_groups(const Keys& keys) {
  Keys result;
  for (const auto& key : keys) result.insert(key.starts_with("loops.") ? "loops[]" + key.substr(5) : key);
  return result;
}

// The name of a label is its user's own, and so is that of a server or a variable.
const Keys free_keys{"loops[].labels", "workloads[].routes", "workloads[].programs[].environment"};

void collect(const Node& node, const std::string& path, Keys& keys) {
  for (const auto& item : node.items) collect(*item, path + "[]", keys);
  if (free_keys.contains(*as_list_of_groups({path}).begin())) return;
  for (const auto& entry : node.entries) {
    const auto key = (path.empty() ? "" : path + ".") + entry.key;
    keys.insert(key);
    collect(*entry.value, key, keys);
  }
}

Keys keys_of_yaml(const std::string& text) {
  Report report("f");
  const auto root = parse(text, report);
  EXPECT_EQ(report.size(), 0U);
  Keys keys;
  if (root) collect(*root, "", keys);
  return as_list_of_groups(keys);
}

void collect(const nlohmann::json& schema, const nlohmann::json& root, const std::string& path, Keys& keys) {
  if (schema.contains("$ref"))
    collect(root.at(nlohmann::json::json_pointer(schema.at("$ref").get<std::string>().substr(1))), root, path, keys);
  for (const auto* choice : {"oneOf", "anyOf"})
    if (schema.contains(choice))
      for (const auto& one : schema.at(choice)) collect(one, root, path, keys);
  if (schema.contains("items")) collect(schema.at("items"), root, path + "[]", keys);
  if (!schema.contains("properties")) return;
  EXPECT_EQ(schema.value("additionalProperties", true), false) << path << " lets unknown keys pass";
  for (const auto& [name, value] : schema.at("properties").items()) {
    const auto key = (path.empty() ? "" : path + ".") + name;
    keys.insert(key);
    collect(value, root, key, keys);
  }
}

Keys keys_of_schema() {
  const auto schema = nlohmann::json::parse(read(config / "evloopd.schema.json"));
  Keys keys;
  collect(schema, schema, "", keys);
  return as_list_of_groups(keys);
}

std::vector<std::filesystem::path> samples() {
  std::vector<std::filesystem::path> files{config / "evloopd.yaml"};
  for (const auto& entry : std::filesystem::directory_iterator(config / "samples"))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  return files;
}

TEST(Samples, AllLoad) {
  EXPECT_GE(samples().size(), 4U);
  for (const auto& file : samples()) load(file);
}

TEST(Samples, UseOnlyKeysThatTheSchemaKnows) {
  const auto known = keys_of_schema();
  for (const auto& file : samples()) {
    const auto used = keys_of_yaml(read(file));
    std::vector<std::string> unknown;
    std::ranges::set_difference(used, known, std::back_inserter(unknown));
    EXPECT_EQ(unknown, std::vector<std::string>{}) << file;
  }
}

TEST(Samples, EveryKeyIsInTheSampleThatSaysSoAndInTheSchema) {
  const auto sample = config / "samples/every-key.yaml";
  const auto printed = keys_of_yaml(print_config(load(sample)));
  EXPECT_EQ(keys_of_yaml(read(sample)), printed);
  EXPECT_EQ(keys_of_schema(), printed);
}

TEST(Samples, EveryKeyIsThereWithItsDefault) {
  const auto sample = load(config / "samples/every-key.yaml");
  auto bare = load_text("f", R"(
version: 1
daemon: {exec_workloads: true}
workloads:
  - {name: echo, kind: tcp.echo, listen: [{address: "127.0.0.1:7007", max_connections: 10000, accept_rate: 1000}]}
  - {name: sink, kind: tcp.discard, listen: [{address: "127.0.0.1:7009"}]}
  - {name: web, kind: http.respond, listen: [{address: "127.0.0.1:8081"}]}
  - {name: front, kind: tcp.proxy, listen: [{address: "127.0.0.1:8080"}], upstreams: [{address: "127.0.0.1:8081"},
     {dns: "app.internal:8081"}]}
  - {name: dns, kind: udp.relay, listen: [{address: "127.0.0.1:5353"}], upstreams: [{address: "127.0.0.1:5301"}]}
  - name: watch
    kind: probe
    targets:
      - {name: port, address: "127.0.0.1:8081", check: {kind: tcp}}
      - {name: site, address: "www.example.org:80", check: {kind: http}}
      - {name: store, address: "127.0.0.1:6379", check: {kind: expect, expect: "+PONG"}}
      - {name: service, address: "127.0.0.1:50051", check: {kind: grpc}}
      - {name: names, check: {kind: dns, query: www.example.org}}
  - name: jobs
    kind: exec
    programs:
      - {name: worker, command: [sleep, "86400"]}
      - {name: report, command: [df], mode: schedule, interval: 1h}
)",
                        test_environment());
  ASSERT_TRUE(bare);
  EXPECT_EQ(print_config(sample), print_config(*bare));
}

TEST(Samples, TheDefaultIsTheDemonstrationOfTheReadme) {
  const auto settings = load(config / "evloopd.yaml");
  ASSERT_EQ(settings.workloads.size(), 3U);
  const auto& a = settings.workloads[0];
  EXPECT_EQ(a.options.name, "web-a");
  EXPECT_EQ(a.options.loops, std::vector<std::string>{"web-0"});
  EXPECT_EQ(a.options.listeners, Listeners{{.address = "127.0.0.1:8081"}});
  EXPECT_EQ(options_of<workloads::HttpRespondOptions>(a).body, "hello from web-a\n");
  const auto& front = settings.workloads[2];
  EXPECT_EQ(front.options.loops, (std::vector<std::string>{"io-0", "io-1"}));
  EXPECT_EQ(front.options.listeners, Listeners{{.address = "127.0.0.1:8080"}});
  const auto& proxy = options_of<workloads::TcpProxyOptions>(front);
  ASSERT_EQ(proxy.upstreams.list.size(), 2U);
  EXPECT_EQ(proxy.upstreams.list[0].address, a.options.listeners[0].address);
  EXPECT_EQ(proxy.upstreams.list[1].address, settings.workloads[1].options.listeners[0].address);
  EXPECT_EQ(settings.metrics.address, "127.0.0.1:9464");
}

TEST(Samples, TheDefaultOpensToOtherMachinesByAVariable) {
  const auto settings =
      load_text("f", read(config / "evloopd.yaml"), test_environment({{"EVLOOPD_LISTEN", "0.0.0.0"}}));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->workloads.at(2).options.listeners, Listeners{{.address = "0.0.0.0:8080"}});
  EXPECT_EQ(settings->metrics.address, "0.0.0.0:9464");
}

}  // namespace
}  // namespace evloopd::settings
