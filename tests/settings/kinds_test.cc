// Kinds of workloads that are not built in.

#include "settings/kinds.h"

#include <gtest/gtest.h>

#include <string>

#include "settings/loading.h"
#include "settings/print.h"
#include "settings/quoted.h"

namespace evloopd::settings {
namespace {

struct TickOptions {
  int every = 5;
  std::string word = "tick";
};

Kinds with_tick() {
  auto kinds = standard_kinds();
  kinds.push_back(make_kind<TickOptions>(
      "tick", {.read =
                   [](Mapping& keys, const KindContext&) {
                     TickOptions options;
                     assign(options.every, keys["every"].integer(1, 60));
                     assign(options.word, keys["word"].secret("a word"));
                     return options;
                   },
               .print =
                   [](const TickOptions& options, const Hidden& hidden) {
                     return std::vector<std::string>{"every: " + std::to_string(options.every),
                                                     "word: " + hidden.text(options.word, "word")};
                   },
               .make = [](const TickOptions&) { return std::unique_ptr<host::Workload>(); }}));
  kinds.back().listens = host::Listens::nothing;
  return kinds;
}

LoadResult load(const std::string& workload) {
  return load_text("f", "version: 1\nloops: {count: 2}\nworkloads:\n  - " + workload + "\n", test_environment(),
                   with_tick());
}

std::string problem(const std::string& workload) {
  const auto settings = load(workload);
  return settings ? "" : to_string(settings.error().at(0));
}

TEST(Kinds, OneOfSomebodyElseIsReadAndPrintedAsTheBuiltInOnesAre) {
  const auto settings = load("{name: t, kind: tick, every: 7}");
  ASSERT_TRUE(settings);
  EXPECT_EQ(options_of<TickOptions>(settings->workloads.at(0)).every, 7);
  const auto printed = print_config(*settings);
  EXPECT_NE(printed.find("    kind: tick\n    loops: [io-0]\n    every: 7\n    word: \"tick\"\n"), std::string::npos)
      << printed;
  EXPECT_TRUE(load_text("f", printed, test_environment(), with_tick()));
}

TEST(Kinds, ProblemsOfItsKeysSayWhereTheyAre) {
  EXPECT_EQ(problem("{name: t, kind: tick, every: 61}"),
            "f:4:34: workloads[0].every: must be a whole number from 1 to 60, got \"61\"");
  EXPECT_EQ(problem("{name: t, kind: tick, evry: 6}"),
            "f:4:27: workloads[0].evry: unknown key; did you mean \"every\"?");
  EXPECT_EQ(problem("{name: t, kind: tack, listen: [{address: \"127.0.0.1:80\"}]}"),
            "f:4:21: workloads[0].kind: must be tcp.echo, tcp.discard, http.respond, tcp.proxy, udp.relay, probe, exec "
            "or tick, got \"tack\"");
}

TEST(Kinds, OneThatDoesNotListenRunsOnOneLoop) {
  EXPECT_EQ(load("{name: t, kind: tick}")->workloads.at(0).options.loops, std::vector<std::string>{"io-0"});
  EXPECT_EQ(load("{name: t, kind: tick, loops: [io-1]}")->workloads.at(0).options.loops,
            std::vector<std::string>{"io-1"});
  EXPECT_EQ(problem("{name: t, kind: tick, loops: [io-0, io-1]}"),
            "f:4:34: workloads[0].loops: must be one loop for a workload of this kind, got 2");
  EXPECT_EQ(problem("{name: t, kind: tick, listen: [{address: \"127.0.0.1:80\"}]}"),
            "f:4:27: workloads[0].listen: unknown key; allowed here: name, kind, loops, every, word");
}

}  // namespace
}  // namespace evloopd::settings
