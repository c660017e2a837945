#include "ctl/views.h"

#include <gmock/gmock.h>

#include <string>

namespace evloopd::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::Loop running() {
  v1::Loop loop;
  loop.set_name("loops/io-0");
  loop.set_uid("u-1");
  (*loop.mutable_labels())["zone"] = "a";
  loop.set_state(v1::LOOP_STATE_RUNNING);
  loop.set_desired_state(v1::LOOP_STATE_RUNNING);
  loop.mutable_asyncio()->set_is_running(true);
  loop.mutable_start_time()->set_seconds(1000);
  loop.mutable_snapshot_time()->set_seconds(1041);
  loop.mutable_utilisation()->set_last_1s(0.407);
  loop.mutable_counters()->set_tasks_live(812);
  loop.mutable_counters()->set_ready_length(3);
  loop.mutable_histograms()->mutable_callback()->add_bounds(0.0008);
  loop.mutable_histograms()->mutable_callback()->add_counts(10);
  loop.mutable_histograms()->mutable_callback()->add_counts(0);
  loop.set_connection_count(12);
  return loop;
}

v1::Loop stalled() {
  auto loop = running();
  loop.set_name("loops/io-1");
  loop.set_stalled(true);
  auto& current = *loop.mutable_current_callback();
  current.set_kind("task");
  current.set_task_id(88121);
  current.set_task_name("resize_avatar");
  current.mutable_site()->set_file("img/scale.cc");
  current.mutable_site()->set_line(97);
  current.mutable_elapsed()->set_seconds(7);
  current.mutable_elapsed()->set_nanos(100'000'000);
  return loop;
}

TEST(LoopsTable, ShowsALoopInALine) {
  EXPECT_EQ(loops_table({running(), stalled()}, false).text(false),
            "NAME  STATE    WANT     READY  UTIL  TASKS  QUEUE  CALLBACK-P99  STALL  CONNS   UP  RESTARTS\n"
            "io-0  RUNNING  RUNNING  yes    0.41    812      3         800us      -     12  41s         0\n"
            "io-1  RUNNING  RUNNING  no     0.41    812      3         800us  7.10s     12  41s         0\n");
}

TEST(LoopsTable, OfALoopAtRestHasDashes) {
  v1::Loop loop;
  loop.set_name("loops/io-2");
  loop.set_state(v1::LOOP_STATE_CREATED);
  loop.set_desired_state(v1::LOOP_STATE_CREATED);
  EXPECT_THAT(loops_table({loop}, false).text(false), HasSubstr("io-2  CREATED  CREATED  no     0.00      0      0  "
                                                                "           -      -      0   -         0\n"));
}

TEST(LoopsTable, IsWiderOnDemand) {
  const auto text = loops_table({running()}, true).text(false);
  EXPECT_THAT(text, HasSubstr("UID"));
  EXPECT_THAT(text, HasSubstr("u-1"));
  EXPECT_THAT(text, HasSubstr("zone=a"));
}

TEST(TasksTable, ShowsWhatATaskWaitsForAndWhere) {
  v1::Task task;
  task.set_id(17);
  task.set_display_name("session");
  task.set_state(v1::TASK_STATE_WAITING);
  task.set_waiting_on("fd");
  task.set_waiting_on_id(57);
  task.mutable_time_in_state()->set_seconds(41);
  task.set_steps(6);
  task.mutable_created_at()->set_file("made.cc");
  auto& frame = *task.add_frames();
  frame.set_file("proxy/session.cc");
  frame.set_line(88);
  frame.set_function("session");
  EXPECT_EQ(tasks_table({{"io-0", task}}, false).text(false),
            "LOOP  ID  NAME     STATE      FOR  WAITS-FOR  STEPS  AT\n"
            "io-0  17  session  WAITING  41.0s  fd 57          6  session.cc:88 session()\n");
  EXPECT_THAT(tasks_table({{"io-0", task}}, true).text(false), HasSubstr("made.cc"));
}

TEST(WorkloadsTable, ShowsLoopsListenersAndConnections) {
  v1::Workload workload;
  workload.set_name("workloads/web");
  workload.set_kind("tcp.proxy");
  workload.add_loops("loops/io-0");
  workload.add_loops("loops/io-1");
  workload.add_listeners("0.0.0.0:8080");
  workload.set_connections_open(2);
  workload.set_connections_total(30);
  workload.set_connections_failed(1);
  workload.set_bytes_in(2048);
  EXPECT_EQ(workloads_table({workload}, false).text(false),
            "NAME  KIND       LOOPS      LISTENS-ON    OPEN  TOTAL  FAILED  UPSTREAMS\n"
            "web   tcp.proxy  io-0,io-1  0.0.0.0:8080     2     30       1          -\n");
  EXPECT_THAT(workloads_table({workload}, true).text(false), HasSubstr("2.0KiB"));
}

v1::Workload proxy() {
  v1::Workload workload;
  workload.set_name("workloads/web");
  workload.set_kind("tcp.proxy");
  workload.add_loops("loops/io-0");
  workload.mutable_snapshot_time()->set_seconds(1041);
  auto& ends = *workload.add_ends();
  ends.set_reason("client_closed");
  ends.set_count(7);
  workload.add_ends()->set_reason("connect_timeout");
  auto& upstream = *workload.mutable_upstreams()->add_upstreams();
  upstream.set_name("app:80");
  upstream.set_weight(2);
  upstream.set_connections_total(30);
  upstream.set_connects_failed(1);
  upstream.set_checks_passed(4);
  upstream.mutable_connect_time()->add_bounds(0.0008);
  upstream.mutable_connect_time()->add_counts(10);
  upstream.mutable_connect_time()->add_counts(0);
  for (const auto* address : {"10.0.0.1:80", "10.0.0.2:80"}) {
    auto& endpoint = *upstream.add_endpoints();
    endpoint.set_address(address);
    endpoint.set_state(v1::UPSTREAM_STATE_UP);
  }
  auto& down = *upstream.mutable_endpoints(1);
  down.set_state(v1::UPSTREAM_STATE_DOWN);
  auto& change = *down.add_history();
  change.mutable_time()->set_seconds(1000);
  change.set_state(v1::UPSTREAM_STATE_DOWN);
  change.set_reason("status 503");
  return workload;
}

TEST(WorkloadsTable, CountsTheAddressesThatAreUp) {
  EXPECT_THAT(workloads_table({proxy()}, false).text(false), HasSubstr("        1/2\n"));
}

TEST(UpstreamsTable, ShowsEachAddressAndWhyItIsSo) {
  EXPECT_EQ(upstreams_table(proxy(), false).text(false),
            "UPSTREAM  ADDRESS      STATE  FOR  WEIGHT  OPEN  TOTAL  FAILED  CONNECT-P99  WHY\n"
            "app:80    10.0.0.1:80  UP       -       2     0     30       1        800us  -\n"
            "app:80    10.0.0.2:80  DOWN   41s       2     0     30       1        800us  status 503\n");
  EXPECT_THAT(upstreams_table(proxy(), true).text(false), HasSubstr("CHECKS-OK"));
}

TEST(UpstreamsTable, ShowsANameThatHasNoAddressYet) {
  auto workload = proxy();
  workload.mutable_upstreams()->mutable_upstreams(0)->clear_endpoints();
  EXPECT_THAT(upstreams_table(workload, false).text(false), HasSubstr("app:80    -        -        -       2"));
}

TEST(Describe, SaysHowAWorkloadsConnectionsEndedAndWhatItsUpstreamsDid) {
  const auto text = describe(proxy());
  EXPECT_THAT(text, HasSubstr("Ended:         7 client_closed\n"));
  EXPECT_THAT(text, HasSubstr("Upstream:      app:80, weight 2\n"));
  EXPECT_THAT(text, HasSubstr("               10.0.0.2:80 DOWN, 0 open\n"
                              "                 1970-01-01 00:16:40Z DOWN: status 503\n"));
  v1::Workload echo;
  EXPECT_THAT(describe(echo), Not(HasSubstr("Queue")));
}

TEST(Describe, SaysOfEachListenerWithLimitsHowFarItIs) {
  v1::Workload workload;
  for (const auto* address : {"127.0.0.1:80", "[::1]:80", "unix:/a", "unix:/b"}) {
    workload.add_listeners(address);
    workload.add_listener_states()->set_address(address);
  }
  EXPECT_THAT(describe(workload), HasSubstr("Listens on:    127.0.0.1:80,[::1]:80,unix:/a,unix:/b\n"
                                            "Connections:"));
  auto& full = *workload.mutable_listener_states(0);
  full.set_max_connections(12);
  full.set_connections_open(12);
  full.set_waiting(true);
  auto& both = *workload.mutable_listener_states(1);
  both.set_max_connections(100);
  both.set_connections_open(12);
  both.set_accept_rate(20);
  workload.mutable_listener_states(3)->set_accept_rate(1);
  EXPECT_THAT(describe(workload), HasSubstr("Listens on:    127.0.0.1:80,[::1]:80,unix:/a,unix:/b\n"
                                            "               127.0.0.1:80: 12 of 12 open; clients wait\n"
                                            "               [::1]:80: 12 of 100 open, at most 20 a second\n"
                                            "               unix:/b: at most 1 a second\n"
                                            "Connections:"));
}

TEST(Describe, SaysWhichFaultsAWorkloadHasAndUntilWhen) {
  auto workload = proxy();
  EXPECT_THAT(describe(workload), Not(HasSubstr("Faults")));
  auto& state = *workload.mutable_faults();
  EXPECT_THAT(describe(workload), HasSubstr("Faults:        none\n"));
  auto& faults = *state.mutable_in_force();
  faults.set_percent(25);
  faults.set_direction(v1::FAULT_DIRECTION_TO_CLIENT);
  faults.mutable_latency()->set_nanos(20'000'000);
  faults.set_bandwidth(65536);
  faults.set_slice_size(7);
  faults.set_blackhole(true);
  faults.set_reset_bytes(10240);
  state.mutable_expire_time()->set_seconds(1340);
  state.set_connections_total(1);
  EXPECT_THAT(describe(workload),
              HasSubstr("Faults:        latency 20.0ms, 64.0KiB a second, pieces of 7B, nothing arrives, reset after "
                        "10.0KiB; 25% of the connections, to clients\n"
                        "               until 1970-01-01 00:22:20Z, 4m59s from now\n"
                        "               1 connection touched\n"));
}

TEST(Describe, AFactMayHaveSeveralLines) {
  auto workload = proxy();
  const auto say = [&](const std::string& name, const std::string& value) {
    auto& fact = *workload.add_facts();
    fact.set_name(name);
    fact.set_value(value);
  };
  say("state", "well");
  say("output", "one\n\nthree\x1b\n");
  say("empty", "");
  EXPECT_THAT(describe(workload), HasSubstr("state:         well\n"
                                            "output:        one\n"
                                            "               \n"
                                            "               three?\n"
                                            "               \n"
                                            "empty:         \n"));
}

TEST(DrainLine, SaysWhatIsLeftAndWhenItIsCut) {
  v1::DrainProgress progress;
  progress.set_name("loops/io-0");
  progress.set_state(v1::LOOP_STATE_DRAINING);
  progress.set_stage(v1::DRAIN_STAGE_WAITING);
  progress.set_connections_left(1);
  progress.set_tasks_left(5);
  progress.mutable_snapshot_time()->set_seconds(100);
  progress.mutable_deadline()->set_seconds(112);
  EXPECT_EQ(drain_line(progress), "io-0  DRAINING  1 connection and 5 tasks left, cut in 12s");
  progress.set_state(v1::LOOP_STATE_STOPPING);
  progress.set_stage(v1::DRAIN_STAGE_STOPPING);
  EXPECT_EQ(drain_line(progress), "io-0  STOPPING  1 connection and 5 tasks left");
}

TEST(DrainLine, OfAWorkloadSaysWhatIsLeftWhere) {
  v1::WorkloadDrainProgress progress;
  progress.set_name("workloads/web");
  progress.set_connections_left(3);
  for (const auto* loop : {"loops/io-0", "loops/io-1", "loops/io-2"}) progress.add_loops()->set_loop(loop);
  progress.mutable_loops(0)->set_connections_left(1);
  progress.mutable_loops(2)->set_connections_left(2);
  progress.mutable_snapshot_time()->set_seconds(100);
  progress.mutable_deadline()->set_seconds(112);
  EXPECT_EQ(drain_line(progress), "web  3 connections left (1 on io-0, 2 on io-2), cut in 12s");
  progress.set_connections_cut(3);
  EXPECT_EQ(drain_line(progress), "web  3 connections left (1 on io-0, 2 on io-2), cutting");
  progress.set_outcome(v1::WORKLOAD_DRAIN_OUTCOME_TIMEOUT);
  EXPECT_EQ(drain_line(progress), "web  drained, 3 connections cut as the time was over");
  progress.set_outcome(v1::WORKLOAD_DRAIN_OUTCOME_DRAINED);
  EXPECT_EQ(drain_line(progress), "web  drained");
}

TEST(DrainLine, SaysWhatCameOfIt) {
  v1::DrainProgress progress;
  progress.set_name("loops/io-0");
  progress.set_state(v1::LOOP_STATE_STOPPED);
  progress.set_connections_left(2);
  progress.set_connections_cut(1);
  const auto line = [&](v1::DrainOutcome outcome) {
    progress.set_outcome(outcome);
    return drain_line(progress);
  };
  EXPECT_EQ(line(v1::DRAIN_OUTCOME_DRAINED), "io-0  STOPPED   drained");
  EXPECT_EQ(line(v1::DRAIN_OUTCOME_TIMEOUT), "io-0  STOPPED   drained, 1 connection cut as the time was over");
  EXPECT_EQ(line(v1::DRAIN_OUTCOME_STOPPED),
            "io-0  STOPPED   stopped before it was drained, 2 connections and 0 tasks left");
  progress.set_state(v1::LOOP_STATE_RUNNING);
  EXPECT_EQ(line(v1::DRAIN_OUTCOME_STARTED), "io-0  RUNNING   started again, 2 connections and 0 tasks left");
}

TEST(Describe, SaysWhatALoopExecutes) {
  EXPECT_THAT(describe(stalled()), HasSubstr("Executes:      task 88121 \"resize_avatar\" for 7.10s  STALLED\n"
                                             "               at scale.cc:97\n"));
  EXPECT_THAT(describe(running()), HasSubstr("Executes:      nothing, it sleeps\n"));
}

TEST(Describe, NamesTheLastErrorOnlyIfThereWasOne) {
  auto loop = running();
  EXPECT_THAT(describe(loop), Not(HasSubstr("Last error")));
  loop.set_last_error("boom");
  EXPECT_THAT(describe(loop), HasSubstr("Last error:    boom\n"));
}

TEST(Describe, CountsADaemonsLoopsByStateAndNamesTheStalledOnes) {
  v1::Daemon daemon;
  daemon.set_name("edge-a");
  daemon.set_loop_count(3);
  v1::Loop created;
  created.set_state(v1::LOOP_STATE_CREATED);
  const auto text = describe(daemon, {running(), stalled(), created});
  EXPECT_THAT(text, HasSubstr("Loops:         3 (1 CREATED, 2 RUNNING)\n"));
  EXPECT_THAT(text, HasSubstr("Stalled:       io-1\n"));
}

}  // namespace
}  // namespace evloopd::ctl
