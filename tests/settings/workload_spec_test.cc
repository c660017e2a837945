#include "settings/workload_spec.h"

#include <gmock/gmock.h>

#include "settings/loading.h"

namespace evloopd::settings {
namespace {

using ::testing::ElementsAre;

class WorkloadSpec : public ::testing::Test {
 protected:
  auto load(const std::string& text) { return load_workloads("spec", text, context, test_environment()); }
  std::string problems(const std::string& text) {
    const auto loaded = load(text);
    std::string all;
    if (!loaded)
      for (const auto& problem : loaded.error()) all += to_string(problem) + '\n';
    return all;
  }

  SpecContext context{
      .loops = {"io-0", "io-1"}, .loop_groups = {{"io-{index}", {"io-0", "io-1"}}}, .directory = "/etc"};
};

TEST_F(WorkloadSpec, IsOneWorkloadAsItStandsInTheFile) {
  const auto loaded = load("name: web\nkind: http.respond\nlisten: [{address: \"127.0.0.1:80\"}]\nbody: hi\n");
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->size(), 1U);
  EXPECT_EQ((*loaded)[0].options.name, "web");
  EXPECT_THAT((*loaded)[0].options.loops, ElementsAre("io-0", "io-1")) << "all, when none is named";
  EXPECT_EQ(options_of<workloads::HttpRespondOptions>((*loaded)[0]).body, "hi");
}

TEST_F(WorkloadSpec, IsAFileWithNothingElse) {
  const auto loaded = load(R"(
version: 1
workloads:
  - {name: a, kind: tcp.echo, listen: [{address: "127.0.0.1:1"}], loops: ["io-{index}"]}
  - {name: b, kind: tcp.discard, listen: [{address: "127.0.0.1:2"}], loops: [io-1]}
)");
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->size(), 2U);
  EXPECT_THAT((*loaded)[0].options.loops, ElementsAre("io-0", "io-1")) << "the daemon's groups are known";
  EXPECT_THAT((*loaded)[1].options.loops, ElementsAre("io-1"));
}

TEST_F(WorkloadSpec, MayBeJson) {
  EXPECT_EQ(problems(R"({"name": "a", "kind": "tcp.echo", "listen": [{"address": "127.0.0.1:1"}]})"), "");
}

TEST_F(WorkloadSpec, TellsAllThatIsWrongAndWhere) {
  EXPECT_EQ(
      problems("name: web\nkind: tcp.echo\nlisten: [{address: nonsense}]\nloops: [io-7]\nbody: x\n"),
      "spec:3:20: listen[0].address: must be an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock, "
      "got \"nonsense\": the port is missing\n"
      "spec:4:9: loops[0]: there is no loop \"io-7\"; did you mean \"io-0\"?\n"
      "spec:5:1: body: unknown key; allowed here: name, kind, loops, listen, backlog\n");
}

TEST_F(WorkloadSpec, RefusesTheOtherSectionsOfAFile) {
  EXPECT_THAT(problems("workloads: []\nmetrics: {enabled: false}\n"), ::testing::HasSubstr("spec:2:1: metrics: "));
}

TEST_F(WorkloadSpec, RunsProgramsOnlyIfTheFileAllowsIt) {
  const auto text = "name: jobs\nkind: exec\nprograms: [{name: a, command: [a]}]\n";
  EXPECT_EQ(problems(text), "spec:2:7: kind: must not be exec: daemon.exec_workloads is false\n");
  context.exec_checks = true;
  EXPECT_EQ(problems(text), "spec:2:7: kind: must not be exec: daemon.exec_workloads is false\n");
  context.exec_workloads = true;
  EXPECT_EQ(problems(text), "");
}

TEST_F(WorkloadSpec, RefusesTwoWorkloadsOfOneName) {
  EXPECT_THAT(problems(R"(
workloads:
  - {name: a, kind: tcp.echo, listen: [{address: "127.0.0.1:1"}]}
  - {name: a, kind: tcp.echo, listen: [{address: "127.0.0.1:2"}]}
)"),
              ::testing::HasSubstr("is taken by the workload in line 3"));
}

}  // namespace
}  // namespace evloopd::settings
