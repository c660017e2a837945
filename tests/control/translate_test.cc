#include "control/translate.h"

#include <gmock/gmock.h>

#include <chrono>

#include "evloopd/control/v1/loop.pb.h"
#include "evloopd/control/v1/task.pb.h"
#include "evloopd/control/v1/workload_service.pb.h"

namespace evloopd::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

v1::Loop message(const host::LoopSnapshot& snapshot) {
  v1::Loop loop;
  translate(snapshot, loop);
  return loop;
}

TEST(Translate, EveryLoopStateKeepsItsName) {
  for (int i = 0; i <= static_cast<int>(host::LoopState::quarantined); ++i) {
    const auto state = static_cast<host::LoopState>(i);
    host::LoopSnapshot snapshot;
    snapshot.state = snapshot.desired = state;
    const auto loop = message(snapshot);
    EXPECT_EQ(v1::LoopState_Name(loop.state()), std::string("LOOP_STATE_") + host::state_name(state));
    EXPECT_EQ(loop.desired_state(), loop.state());
  }
}

TEST(Translate, EveryTaskStateKeepsItsName) {
  for (int i = 0; i <= static_cast<int>(host::TaskState::cancelled); ++i) {
    const auto state = static_cast<host::TaskState>(i);
    host::TaskSnapshot snapshot;
    snapshot.state = state;
    v1::Task task;
    translate(snapshot, "io-0", task);
    EXPECT_EQ(v1::TaskState_Name(task.state()), std::string("TASK_STATE_") + host::task_state_name(state));
  }
}

TEST(Translate, ALoopIsAllThere) {
  host::LoopSnapshot snapshot;
  snapshot.name = "io-0";
  snapshot.uid = "u1";
  snapshot.labels = {{"zone", "a"}};
  snapshot.conditions = {{.type = "Stalled", .status = true, .reason = "Computing", .since = host::WallTime(5s)}};
  snapshot.is_running = true;
  snapshot.stop_pending = true;
  snapshot.thread_id = 42;
  snapshot.thread_name = "loop-io-0";
  snapshot.thread_cpu = 1500ms;
  snapshot.run_queue_wait = 2ms;
  snapshot.counters.callbacks = 7;
  snapshot.counters.tasks_live = 3;
  snapshot.counters.threadsafe_queue = 9;
  snapshot.counters.busy = 3s;
  snapshot.utilisation_1s = 0.25;
  snapshot.utilisation_60s = 0.5;
  snapshot.callback_seconds = {.bounds = {0.1, 1}, .buckets = {4, 2, 1}, .sum = 3.5};
  snapshot.stalled = true;
  snapshot.stalls = 2;
  snapshot.connections = 11;
  snapshot.last_error = "boom \xff";
  snapshot.restarts = 1;
  snapshot.created_at = host::WallTime(1s);
  snapshot.started_at = host::WallTime(2s);
  snapshot.snapshot_time = host::WallTime(3s + 5ns);

  const auto loop = message(snapshot);
  EXPECT_EQ(loop.name(), "loops/io-0");
  EXPECT_EQ(loop.uid(), "u1");
  EXPECT_THAT(loop.labels(), UnorderedElementsAre(Pair("zone", "a")));
  ASSERT_EQ(loop.conditions_size(), 1);
  EXPECT_EQ(loop.conditions(0).type(), "Stalled");
  EXPECT_TRUE(loop.conditions(0).status());
  EXPECT_EQ(loop.conditions(0).reason(), "Computing");
  EXPECT_EQ(loop.conditions(0).since().seconds(), 5);
  EXPECT_TRUE(loop.asyncio().is_running());
  EXPECT_FALSE(loop.asyncio().is_closed());
  EXPECT_TRUE(loop.asyncio().stop_pending());
  EXPECT_EQ(loop.thread().id(), 42);
  EXPECT_EQ(loop.thread().name(), "loop-io-0");
  EXPECT_EQ(loop.thread().cpu_time().seconds(), 1);
  EXPECT_EQ(loop.thread().cpu_time().nanos(), 500'000'000);
  EXPECT_EQ(loop.thread().run_queue_wait().nanos(), 2'000'000);
  EXPECT_EQ(loop.counters().callbacks(), 7U);
  EXPECT_EQ(loop.counters().tasks_live(), 3U);
  EXPECT_EQ(loop.counters().threadsafe_queue(), 9U);
  EXPECT_EQ(loop.counters().busy_time().seconds(), 3);
  EXPECT_EQ(loop.utilisation().last_1s(), 0.25);
  EXPECT_EQ(loop.utilisation().last_60s(), 0.5);
  EXPECT_THAT(loop.histograms().callback().bounds(), ElementsAre(0.1, 1));
  EXPECT_THAT(loop.histograms().callback().counts(), ElementsAre(4, 2, 1));
  EXPECT_EQ(loop.histograms().callback().sum(), 3.5);
  EXPECT_TRUE(loop.stalled());
  EXPECT_EQ(loop.stall_count(), 2U);
  EXPECT_EQ(loop.connection_count(), 11U);
  EXPECT_EQ(loop.last_error(), "boom \xef\xbf\xbd");
  EXPECT_EQ(loop.restart_count(), 1U);
  EXPECT_EQ(loop.create_time().seconds(), 1);
  EXPECT_EQ(loop.start_time().seconds(), 2);
  EXPECT_EQ(loop.snapshot_time().seconds(), 3);
  EXPECT_EQ(loop.snapshot_time().nanos(), 5);
}

TEST(Translate, ASleepingLoopExecutesNothingAndAYoungOneNeverStarted) {
  const auto loop = message(host::LoopSnapshot());
  EXPECT_FALSE(loop.has_current_callback());
  EXPECT_FALSE(loop.has_start_time());
}

TEST(Translate, TheCurrentCallbackNamesTaskAndPlace) {
  host::LoopSnapshot snapshot;
  snapshot.current = {.kind = "task",
                      .task_id = 4,
                      .task_name = "resize",
                      .site = {.file = "img/scale.cc", .function = "scale", .line = 97},
                      .elapsed = 7s};
  const auto current = message(snapshot).current_callback();
  EXPECT_EQ(current.kind(), "task");
  EXPECT_EQ(current.task_id(), 4U);
  EXPECT_EQ(current.task_name(), "resize");
  EXPECT_EQ(current.site().file(), "img/scale.cc");
  EXPECT_EQ(current.site().function(), "scale");
  EXPECT_EQ(current.site().line(), 97U);
  EXPECT_EQ(current.elapsed().seconds(), 7);
}

TEST(Translate, ATaskIsAllThere) {
  v1::Task task;
  translate({.id = 17,
             .name = "session",
             .state = host::TaskState::waiting,
             .coroutine = "serve",
             .created_at = {.file = "a.cc", .function = "f", .line = 1},
             .frames = {{.file = "b.cc", .function = "g", .line = 2}, {.file = "c.cc", .function = "h", .line = 3}},
             .parent_id = 5,
             .waiting_on = "fd",
             .waiting_on_id = 57,
             .since = 41s,
             .steps = 6,
             .run_time = 3ms,
             .longest_step = 2ms,
             .cancel_requests = 1},
            "io-0", task);
  EXPECT_EQ(task.name(), "loops/io-0/tasks/17");
  EXPECT_EQ(task.id(), 17U);
  EXPECT_EQ(task.display_name(), "session");
  EXPECT_EQ(task.coroutine(), "serve");
  EXPECT_EQ(task.created_at().line(), 1U);
  ASSERT_EQ(task.frames_size(), 2);
  EXPECT_EQ(task.frames(1).file(), "c.cc");
  EXPECT_EQ(task.parent_id(), 5U);
  EXPECT_EQ(task.waiting_on(), "fd");
  EXPECT_EQ(task.waiting_on_id(), 57U);
  EXPECT_EQ(task.time_in_state().seconds(), 41);
  EXPECT_EQ(task.steps(), 6U);
  EXPECT_EQ(task.run_time().nanos(), 3'000'000);
  EXPECT_EQ(task.longest_step().nanos(), 2'000'000);
  EXPECT_EQ(task.cancel_requests(), 1U);
}

TEST(Translate, AWorkloadIsAllThere) {
  v1::Workload workload;
  translate({.name = "web",
             .kind = "tcp.proxy",
             .loops = {"io-0", "io-1"},
             .listeners = {"127.0.0.1:8080"},
             .listener_states = {{.address = "127.0.0.1:8080",
                                  .limits = {.max_connections = 100, .accept_rate = 20},
                                  .connections_open = 12,
                                  .suspended_total = 3,
                                  .suspended = true}},
             .connections_open = 1,
             .connections_total = 2,
             .connections_failed = 3,
             .bytes_in = 4,
             .bytes_out = 5},
            workload);
  EXPECT_EQ(workload.name(), "workloads/web");
  EXPECT_EQ(workload.kind(), "tcp.proxy");
  EXPECT_THAT(workload.loops(), ElementsAre("loops/io-0", "loops/io-1"));
  EXPECT_THAT(workload.listeners(), ElementsAre("127.0.0.1:8080"));
  ASSERT_EQ(workload.listener_states_size(), 1);
  const auto& listener = workload.listener_states(0);
  EXPECT_EQ(listener.address(), "127.0.0.1:8080");
  EXPECT_EQ(listener.max_connections(), 100U);
  EXPECT_EQ(listener.accept_rate(), 20U);
  EXPECT_EQ(listener.connections_open(), 12U);
  EXPECT_EQ(listener.suspended_total(), 3U);
  EXPECT_TRUE(listener.waiting());
  EXPECT_EQ(workload.connections_open(), 1U);
  EXPECT_EQ(workload.connections_total(), 2U);
  EXPECT_EQ(workload.connections_failed(), 3U);
  EXPECT_EQ(workload.bytes_in(), 4U);
  EXPECT_EQ(workload.bytes_out(), 5U);
}

TEST(Translate, ATimeBefore1970CountsItsFractionForwards) {
  google::protobuf::Timestamp time;
  translate(host::WallTime(-1500ms), time);
  EXPECT_EQ(time.seconds(), -2);
  EXPECT_EQ(time.nanos(), 500'000'000);
}

}  // namespace
}  // namespace evloopd::control
