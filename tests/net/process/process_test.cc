#include "net/process/process_test.h"

#include <signal.h>

#include <cstdlib>
#include <thread>

#include "aio/gather.h"
#include "aio/runner.h"
#include "aio/semaphore.h"
#include "aio/sleep.h"
#include "aio/timeout.h"
#include "net/pipe_test.h"

namespace evloop {
namespace {

using testing::IsEmpty;

constexpr auto piped = Stdio::pipe();

TEST_F(ProcessTest, TheStreamsAreInheritedUnlessOneSaysOtherwise) {  // PROC-01
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"true"});
    EXPECT_FALSE(process.std_in());
    EXPECT_FALSE(process.std_out());
    EXPECT_FALSE(process.std_err());
    EXPECT_EQ(co_await process.wait(), 0);
  };
  run(body());
}

TEST_F(ProcessTest, AFailingStartThrowsInTheCaller) {  // PROC-03
  const auto before = open_fds();
  const auto body = []() -> Coro<std::string> {
    const auto started = co_await settled(create_subprocess_exec({"no-such-program"}, {.std_in = piped}));
    co_return describe(started.error());
  };
  EXPECT_EQ(run(body()), "std::system_error: no-such-program: No such file or directory");
  EXPECT_EQ(open_fds(), before);
  const auto limit = []() -> Coro<void> { co_await create_subprocess_exec({"true"}, {}, 0); };
  EXPECT_THROW(run(limit()), ValueError);
}

TEST_F(ProcessTest, AShellRunsACommand) {  // PROC-08
  const auto body = []() -> Coro<int> {
    const auto process = co_await create_subprocess_shell("exit 7");
    const auto status = co_await process.wait();
    EXPECT_EQ(process.returncode(), status);
    co_return status;
  };
  EXPECT_EQ(run(body()), 7);
}

TEST_F(ProcessTest, OneWritesReadsAndWaits) {
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"cat"}, {.std_in = piped, .std_out = piped});
    process.std_in()->write("a line\n");
    co_await process.std_in()->drain();
    EXPECT_EQ((co_await process.std_out()->readline()).str(), "a line\n");
    process.std_in()->close();
    co_await process.std_in()->wait_closed();
    EXPECT_EQ((co_await process.std_out()->read()).str(), "");
    EXPECT_EQ(co_await process.wait(), 0);
  };
  run(body());
}

TEST_F(ProcessTest, SignalsReachIt) {  // PROC-08
  const auto body = [](int signal) -> Coro<int> {
    const auto process = co_await create_subprocess_exec({"sleep", "1000"});
    if (signal == SIGTERM) process.terminate();
    if (signal == SIGKILL) process.kill();
    if (signal == SIGHUP) process.send_signal(SIGHUP);
    co_return co_await process.wait();
  };
  for (const int signal : {SIGTERM, SIGKILL, SIGHUP}) EXPECT_EQ(run(body(signal)), -signal);
}

TEST_F(ProcessTest, WaitMayBeCancelledAndTheChildLivesOn) {  // PROC-10
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"sleep", "1000"});
    const auto waited = co_await settled(wait_for(process.wait(), 1ms));
    EXPECT_TRUE(holds<TimeoutError>(waited.error()));
    EXPECT_EQ(process.returncode(), std::nullopt);
    process.kill();
    EXPECT_EQ(co_await process.wait(), -SIGKILL);
  };
  run(body());
}

TEST_F(ProcessTest, CommunicateWritesAndReadsAtTheSameTime) {  // PROC-12
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"cat"}, {.std_in = piped, .std_out = piped});
    std::string input(10'000'000, 'x');
    for (std::size_t n = 0; n < input.size(); n += 1000) input[n] = static_cast<char>('a' + n / 1000 % 26);
    const auto output = co_await process.communicate(Bytes(input));
    EXPECT_TRUE(output.std_out->view() == input);
    EXPECT_FALSE(output.std_err);
    EXPECT_EQ(process.returncode(), 0);
  };
  run(body());
}

TEST_F(ProcessTest, CommunicateReadsBothOutputs) {  // PROC-12
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_shell("cat >&2; echo out; exit 3",
                                                          {.std_in = piped, .std_out = piped, .std_err = piped});
    const auto output = co_await process.communicate(Bytes(std::string_view("err")));
    EXPECT_EQ(output.std_out->str(), "out\n");
    EXPECT_EQ(output.std_err->str(), "err");
    EXPECT_EQ(process.returncode(), 3);
  };
  run(body());
}

TEST_F(ProcessTest, CommunicateWithoutInputClosesStdin) {  // PROC-12
  const auto body = [](std::optional<Bytes> input) -> Coro<std::string> {
    const auto process = co_await create_subprocess_exec({"cat"}, {.std_in = piped, .std_out = piped});
    co_return (co_await process.communicate(std::move(input))).std_out->str();
  };
  EXPECT_EQ(run(body(std::nullopt)), "");
  EXPECT_EQ(run(body(Bytes())), "");
}

TEST_F(ProcessTest, CommunicateWithoutPipesOnlyWaits) {  // PROC-12
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"true"});
    const auto output = co_await process.communicate(Bytes(std::string_view("nobody reads")));
    EXPECT_FALSE(output.std_out || output.std_err);
    EXPECT_EQ(process.returncode(), 0);
  };
  run(body());
}

TEST_F(ProcessTest, AChildThatDoesNotReadItsInputIsNoErrorForCommunicate) {  // PROC-12
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"true"}, {.std_in = piped});
    co_await process.communicate(Bytes(std::string(1'000'000, 'x')));
    EXPECT_EQ(process.returncode(), 0);
  };
  run(body());
}

TEST_F(ProcessTest, AChildThatDoesNotReadItsInputIsAnErrorForDrain) {  // PROC-12
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"true"}, {.std_in = piped});
    const auto write = [](Process to) -> Coro<void> {
      for (;;) {
        to.std_in()->write(std::string(100'000, 'x'));
        co_await to.std_in()->drain();
      }
    };
    const auto written = co_await settled(write(process));
    EXPECT_TRUE(errno_of(written.error()) == EPIPE || errno_of(written.error()) == ECONNRESET);
    co_await process.wait();
  };
  run(body());
}

TEST_F(ProcessTest, OutputIsThereAfterTheExit) {  // PROC-13
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"echo", "later"}, {.std_out = piped});
    co_await process.wait();
    co_await sleep(1ms);
    EXPECT_EQ((co_await process.std_out()->read()).str(), "later\n");
  };
  run(body());
}

TEST_F(ProcessTest, AnOutputThatNobodyReadsIsPaused) {  // PROC-13
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_shell("head -c 1000000 /dev/zero", {.std_out = piped}, 1024);
    const auto pipe = process.transport()->get_pipe_transport(1);
    while (pipe->is_reading()) co_await sleep(1ms);
    EXPECT_EQ(process.returncode(), std::nullopt);
    EXPECT_EQ((co_await process.std_out()->read()).size(), 1'000'000u);
    EXPECT_EQ(co_await process.wait(), 0);
  };
  run(body());
}

TEST_F(ProcessTest, WhatDescriptorsAGrandchildHoldsDoesNotKeepWaitBack) {  // PROC-09
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_shell("sleep 1000 & echo $!", {.std_out = piped});
    const auto line = (co_await process.std_out()->readline()).str();
    EXPECT_EQ(co_await process.wait(), 0);
    ::kill(std::stoi(line), SIGKILL);
    EXPECT_EQ((co_await process.std_out()->read()).str(), "");
  };
  run(body());
}

TEST_F(ProcessTest, ADroppedProcessIsReapedAllTheSame) {
  const auto body = []() -> Coro<void> {
    static_cast<void>(co_await create_subprocess_exec({"true"}));
    while (has_child()) co_await sleep(1ms);
  };
  run(body());
}

TEST_F(ProcessTest, CancelledAnywhereItLeavesNothing) {  // PROC-10, PROC-15
  const auto before = open_fds();
  const auto body = [](std::optional<Process>& made) -> Coro<std::size_t> {
    made = co_await create_subprocess_exec({"cat"}, {.std_in = piped, .std_out = piped, .std_err = piped});
    const auto output = co_await made->communicate(Bytes(std::string(300'000, 'x')));
    co_return output.std_out->size();
  };
  bool ended = false;
  for (int turns = 0; !ended; ++turns) {
    std::optional<Process> process;
    const auto task = loop_.create_task(body(process));
    {
      const EventLoop::RunScope scope(loop_);
      for (int i = 0; i < turns && !task.done(); ++i) loop_.run_once();
    }
    ended = task.done();
    if (ended) {
      EXPECT_EQ(task.result(), 300'000u);
    } else {
      task.cancel();
      turn_until([&] { return task.done(); });
      EXPECT_TRUE(task.cancelled());
      // What communicate was cancelled out of is the caller's to end.
      if (process && !process->returncode()) {
        process->kill();
        run(process->wait());
      }
      if (process) process->transport()->close();
    }
    process.reset();
    turn(3);
    EXPECT_FALSE(has_child()) << "after " << turns << " turns";
    EXPECT_EQ(open_fds(), before) << "after " << turns << " turns";
    EXPECT_THAT(loop_.all_tasks(), IsEmpty()) << "after " << turns << " turns";
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(ProcessTest, ATaskThatIsDestroyedWithTheLoopLeavesNoChild) {  // PROC-18
  const auto body = []() -> Coro<void> {
    const auto process = co_await create_subprocess_exec({"cat"}, {.std_in = piped, .std_out = piped});
    co_await process.communicate(Bytes(std::string_view("x")));
    co_await sleep(1h);
  };
  EventLoop loop(EventLoop::Options{.selector = {}, .clock = {}, .default_exception_handler = [](auto&, auto&) {}});
  auto task = loop.create_task(body());
  {
    const EventLoop::RunScope scope(loop);
    for (int i = 0; i < 3; ++i) loop.run_once();
  }
  loop.close();
  EXPECT_TRUE(all_reaped());
}

// Starts and reaps `count` children, some at a time, and answers the sum of their statuses.
Coro<int> start_many(int count) {
  Semaphore places(16);
  const auto one = [](Semaphore& free, int number) -> Coro<int> {
    const auto place = co_await free.scoped();
    const auto process =
        co_await create_subprocess_exec(shell("exit " + std::to_string(number % 7)), {.std_in = Stdio::devnull()});
    co_return co_await process.wait();
  };
  std::vector<Coro<int>> all;
  for (int n = 0; n < count; ++n) all.push_back(one(places, n));
  int sum = 0;
  for (const int status : co_await gather(std::move(all))) sum += status;
  co_return sum;
}

int expected_sum(int count) {
  int sum = 0;
  for (int n = 0; n < count; ++n) sum += n % 7;
  return sum;
}

TEST_F(ProcessTest, ManyChildrenLeaveNothing) {
  // EVLOOP_CHILDREN: for a longer run than that of every day.
  const char* wanted = std::getenv("EVLOOP_CHILDREN");
  const int count = wanted ? std::atoi(wanted) : 300;
  const auto before = open_fds();
  EXPECT_EQ(run(start_many(count)), expected_sum(count));
  turn(3);
  EXPECT_EQ(open_fds(), before);
  EXPECT_FALSE(has_child());
  EXPECT_THAT(loop_.all_tasks(), IsEmpty());
}

TEST_F(ProcessTest, LoopsOnSeveralThreadsHaveTheirOwnChildren) {  // PROC-05, PROC-16
  std::array<int, 2> sums{};
  std::vector<std::thread> threads;
  for (auto& sum : sums) threads.emplace_back([&sum] { sum = evloop::run(start_many(100)); });
  for (auto& thread : threads) thread.join();
  for (const int sum : sums) EXPECT_EQ(sum, expected_sum(100));
}

// So many children in all: more by the target process_stress.
int children_to_start() {
  const char* count = std::getenv("EVLOOP_CHILDREN");
  return count ? std::atoi(count) : 300;
}

TEST_F(ProcessTest, OneLoopStartsAndReapsAnyNumberOfChildren) {  // PROC-09
  const auto before = open_fds();
  const auto body = []() -> Coro<int> {
    Semaphore few(16);
    std::vector<Coro<int>> children;
    const auto child = [&few](int number) -> Coro<int> {
      const auto slot = co_await few.scoped();
      const auto process = co_await create_subprocess_shell("exit " + std::to_string(number % 100));
      co_return co_await process.wait() == number % 100 ? 1 : 0;
    };
    for (int i = 0; i < children_to_start(); ++i) children.push_back(child(i));
    int right = 0;
    for (const int answer : co_await gather(std::move(children))) right += answer;
    co_return right;
  };
  EXPECT_EQ(run(body()), children_to_start());
  EXPECT_EQ(open_fds(), before);
  EXPECT_TRUE(all_reaped());
}

}  // namespace
}  // namespace evloop
