#include "workloads/exec.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "aio/selector.h"
#include "base/log.h"
#include "support/processes.h"
#include "workloads/options.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using evloop::Duration;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::StartsWith;

constexpr auto patience = 20s;  // real time; only a failing test waits that long

// Time that stands while a program runs, which is waited for, and jumps to the next timer while none does.
class TimeBesidePrograms final : public evloop::Selector {
 public:
  TimeBesidePrograms(evloop::VirtualClock& clock, std::function<bool()> is_busy)
      : clock_(clock), is_busy_(std::move(is_busy)) {}

  void add(int fd, evloop::Interest interest) override { selector_->add(fd, interest); }
  void modify(int fd, evloop::Interest interest) override { selector_->modify(fd, interest); }
  void add_wake_up(int fd) override { selector_->add_wake_up(fd); }
  void remove(int fd) noexcept override { selector_->remove(fd); }
  std::span<const evloop::ReadyFd> select(std::optional<Duration> timeout) override {
    const bool at_once = timeout && *timeout <= Duration::zero();
    const auto ready = selector_->select(is_busy_() && !at_once ? Duration(patience) : Duration::zero());
    if (ready.empty() && !at_once && !is_busy_()) clock_.advance(timeout.value_or(1s));
    return ready;
  }

 private:
  evloop::VirtualClock& clock_;
  const std::function<bool()> is_busy_;
  const std::unique_ptr<evloop::Selector> selector_ = evloop::make_epoll_selector();
};

class ExecTest : public testing::Test {
 protected:
  enum class Time { real, is_virtual };

  explicit ExecTest(Time time = Time::real)
      : time_(time),
        loop_(time == Time::real
                  ? evloop::EventLoop::Options{}
                  : evloop::EventLoop::Options{.selector = std::make_unique<TimeBesidePrograms>(
                                                   clock_, [this] { return share_ && share_->connections() > 0; }),
                                               .clock = &clock_,
                                               .default_exception_handler = {}}) {
    log_.clear();
    evloop::set_log_sink([](evloop::LogLevel, std::string_view message) {
      const std::lock_guard lock(log_mutex_);
      log_.emplace_back(message);
    });
  }
  ~ExecTest() override {
    share_.reset();
    if (!loop_.is_closed()) turn(5);
    loop_.close();
    evloop::set_log_sink(nullptr);
  }

  static ExecProgramOptions shell(const std::string& name, const std::string& script) {
    return {.name = name, .command = {"/bin/sh", "-c", script}};
  }
  static ExecProgramOptions once(const std::string& name, const std::string& script) {
    auto options = shell(name, script);
    options.mode = ExecMode::once;
    return options;
  }
  static std::unique_ptr<Exec> make(std::vector<ExecProgramOptions> programs) {
    return std::make_unique<Exec>(ExecOptions{.programs = std::move(programs), .may_exec = true});
  }

  void start(std::vector<ExecProgramOptions> programs) {
    exec_ = make(std::move(programs));
    share_ = attach();
  }
  std::unique_ptr<host::WorkloadShare> attach() {
    auto share = exec_->attach(loop_);
    share->introduce({.workload = "jobs", .loop = "io-0"});
    return share;
  }
  // So many turns, without sleeping.
  void turn(int count) {
    const evloop::EventLoop::RunScope scope(loop_);
    for (; count > 0; --count) {
      loop_.call_soon([] {});
      loop_.run_once();
    }
  }
  template <class F>
  void turn_until(F done) {
    const evloop::EventLoop::RunScope scope(loop_);
    const auto give_up = std::chrono::steady_clock::now() + patience;
    // What is waited for may be no event of the loop.
    evloop::TimerHandle timer;
    const std::function<void()> look = [&] { timer = loop_.call_later(1ms, look); };
    if (time_ == Time::real) look();
    while (!done()) {
      if (std::chrono::steady_clock::now() >= give_up) {
        ADD_FAILURE() << "did not happen in time";
        break;
      }
      loop_.run_once();
    }
    timer.cancel();
  }
  // Calls something of the share as the host does.
  template <class F>
  void on_loop(F function) {
    const evloop::EventLoop::RunScope scope(loop_);
    function();
  }
  [[nodiscard]] double measure(const std::string& name, const std::string& program,
                               const std::string& result = "") const {
    for (const auto& each : exec_->measures())
      if (each.name == "exec_" + name && each.labels.at(0).value == program &&
          (result.empty() || each.labels.at(1).value == result))
        return each.value;
    return -1;
  }
  [[nodiscard]] std::string fact(const std::string& name) const {
    const auto all = exec_->facts();
    const auto found = std::ranges::find(all, name, &host::Fact::name);
    return found == all.end() ? "" : found->value;
  }
  // Turns until the program has written a number as its last line, such as a pid.
  pid_t number_from(const std::string& program) {
    pid_t number = 0;
    turn_until([&] {
      const auto text = fact(program + " stdout");
      const auto begin = text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1;
      return std::from_chars(text.data() + begin, text.data() + text.size(), number).ec == std::errc();
    });
    return number;
  }
  void turn_until_ended(const std::string& program, const std::string& result, double times = 1) {
    turn_until([&] { return measure("ends_total", program, result) >= times; });
  }
  static std::vector<std::string> log() {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }

  static inline std::mutex log_mutex_;
  static inline std::vector<std::string> log_;
  const Time time_;
  evloop::VirtualClock clock_;
  std::unique_ptr<Exec> exec_;
  std::unique_ptr<host::WorkloadShare> share_;
  evloop::EventLoop loop_;
};

class ExecInVirtualTime : public ExecTest {
 protected:
  ExecInVirtualTime() : ExecTest(Time::is_virtual) {}

  // Turns until it was started so often; answers the times between.
  std::vector<Duration> intervals(const std::string& program, std::size_t starts) {
    std::vector<evloop::TimePoint> times;
    turn_until([&] {
      if (measure("starts_total", program) > static_cast<double>(times.size())) times.push_back(loop_.time());
      return times.size() >= starts;
    });
    std::vector<Duration> all;
    for (std::size_t i = 1; i < times.size(); ++i) all.push_back(times[i] - times[i - 1]);
    return all;
  }
};

testing::Matcher<Duration> about(Duration expected) {
  return AllOf(testing::Ge(expected * 9 / 10), testing::Le(expected * 11 / 10));
}

// --- when programs are started ---

TEST_F(ExecInVirtualTime, ASupervisedProgramIsStartedAgainAndWaitsLongerEachTime) {
  auto options = shell("worker", "exit 3");
  options.restart_delay_max = 5s;
  start({options});
  EXPECT_EQ(fact("worker"), "not started yet");
  EXPECT_THAT(intervals("worker", 6), ElementsAre(about(1s), about(2s), about(4s), about(5s), about(5s)));
  turn_until_ended("worker", "failed", 6);
  EXPECT_THAT(fact("worker"), MatchesRegex("is started again at [-0-9]+ [:0-9]+Z; started 6 times; the last one exited "
                                           "with 3, after [.0-9]+ s"));
  EXPECT_THAT(log(), Contains(MatchesRegex("workload jobs: program worker runs as pid [0-9]+")));
  EXPECT_THAT(log(), Contains(StartsWith("workload jobs: program worker exited with 3, after ")));
}

TEST_F(ExecInVirtualTime, OneThatExitsWithZeroIsStartedAgainUnlessOnlyFailuresCount) {
  auto quiet = shell("quiet", "exit 0");
  quiet.restart = ExecRestart::on_failure;
  start({shell("always", "exit 0"), quiet});
  EXPECT_THAT(intervals("always", 3), SizeIs(2));
  EXPECT_EQ(measure("starts_total", "quiet"), 1);
  EXPECT_THAT(fact("quiet"), StartsWith("is over; started 1 time; the last one exited with 0, after "));
}

TEST_F(ExecInVirtualTime, AScheduledProgramRunsAtOnceAndThenAtItsInterval) {
  auto options = shell("report", "exit 1");
  options.mode = ExecMode::schedule;
  options.interval = 10min;
  start({options});
  const auto begin = loop_.time();
  EXPECT_THAT(intervals("report", 4), Each(Duration(10min)));
  EXPECT_EQ(loop_.time() - begin, 30min);
  EXPECT_EQ(measure("skipped_total", "report"), 0);
}

TEST_F(ExecInVirtualTime, AProgramThatRunsOnceIsNotStartedAgainHoweverItEnds) {
  auto missing = once("missing", "");
  missing.command = {"/no/such/program"};
  start({once("good", "exit 0"), once("bad", "kill -9 $$"), missing, shell("pace", "exit 0")});
  intervals("pace", 4);
  for (const auto* name : {"good", "bad"}) EXPECT_EQ(measure("starts_total", name), 1) << name;
  EXPECT_THAT(fact("good"), StartsWith("is over; started 1 time; the last one exited with 0"));
  EXPECT_THAT(fact("bad"), StartsWith("is over; started 1 time; the last one was ended by signal 9 (KILL)"));
  EXPECT_THAT(fact("missing"), StartsWith("is over; the last one could not be started: "));
  EXPECT_GT(measure("last_success_timestamp_seconds", "good"), 1e9);
  EXPECT_EQ(measure("last_success_timestamp_seconds", "bad"), 0);
}

TEST_F(ExecInVirtualTime, OneThatCannotBeStartedIsTriedAgain) {
  auto options = shell("missing", "");
  options.command = {"no-such-program"};
  auto nowhere = shell("nowhere", "exit 0");
  nowhere.directory = "/no/such/directory";
  start({options, nowhere});
  turn_until_ended("missing", "not_started", 3);
  EXPECT_GE(measure("ends_total", "nowhere", "not_started"), 2);
  EXPECT_EQ(measure("starts_total", "missing"), 0);
  EXPECT_EQ(measure("running", "missing"), 0);
  EXPECT_THAT(log(), Contains(AllOf(StartsWith("workload jobs: program missing could not be started: "),
                                    HasSubstr("no-such-program"))));
  EXPECT_THAT(fact("nowhere"), HasSubstr("/no/such/directory"));
}

TEST_F(ExecInVirtualTime, WhatIsNotStartedYetHasItsMeasuresToo) {
  start({shell("worker", "exit 0")});
  for (const auto* name : {"running", "starts_total", "skipped_total", "last_duration_seconds",
                           "last_success_timestamp_seconds", "unlogged_lines_total"})
    EXPECT_EQ(measure(name, "worker"), 0) << name;
  for (const auto* result : {"succeeded", "failed", "timed_out", "stopped", "not_started"})
    EXPECT_EQ(measure("ends_total", "worker", result), 0) << result;
}

// Its time stands while the program runs: what is read comes out of the first second.
TEST_F(ExecInVirtualTime, OneThatWritesWithoutEndWaitsWhenAMiBOfASecondIsRead) {
  auto options = shell("yes", "");
  options.command = {"yes"};
  options.log_rate = 1;
  start({options});
  const auto bytes = [&] { return 2 * measure("unlogged_lines_total", "yes"); };
  turn_until([&] { return bytes() > 100'000; });
  turn(5000);
  EXPECT_LE(bytes(), 1 << 20);
  on_loop([&] { share_->drain(); });
  turn_until([&] { return share_->connections() == 0; });
  EXPECT_EQ(measure("ends_total", "yes", "stopped"), 1);
}

TEST_F(ExecTest, ATimeThatComesWhileItStillRunsIsSkipped) {
  auto options = shell("slow", "sleep 0.25");
  options.mode = ExecMode::schedule;
  options.interval = 100ms;
  start({options});
  turn_until([&] { return measure("starts_total", "slow") >= 3; });
  EXPECT_GE(measure("skipped_total", "slow"), 4);
  EXPECT_THAT(fact("slow"), HasSubstr(" skipped"));
}

TEST_F(ExecTest, OneThatRunsTooLongIsStopped) {
  auto options = once("slow", "sleep 1000");
  options.timeout = 50ms;
  start({options});
  turn_until_ended("slow", "timed_out");
  EXPECT_THAT(fact("slow"), StartsWith("is over; started 1 time; the last one was stopped after its timeout: was ended "
                                       "by signal 15 (TERM), after "));
}

// --- how they are stopped ---

TEST_F(ExecTest, ADrainAsksProgramsToEndAndStartsNoneAgain) {
  start({shell("polite", "trap 'echo bye; exit 0' TERM; echo $$; while :; do sleep 0.01; done")});
  const auto pid = number_from("polite");
  EXPECT_EQ(share_->connections(), 1U);
  EXPECT_EQ(measure("running", "polite"), 1);
  EXPECT_THAT(fact("polite"), StartsWith("runs as pid " + std::to_string(pid) + " since "));
  on_loop([&] { share_->drain(); });
  EXPECT_THAT(fact("polite"), StartsWith("is being stopped: pid "));
  turn_until([&] { return share_->connections() == 0; });
  EXPECT_TRUE(evloop::has_ended(pid));
  EXPECT_THAT(fact("polite stdout"), testing::EndsWith("\nbye"));
  EXPECT_EQ(measure("ends_total", "polite", "stopped"), 1);
  EXPECT_THAT(fact("polite"), StartsWith("does not run; started 1 time; the last one was stopped: exited with 0"));
}

TEST_F(ExecTest, OneThatDoesNotEndIsKilledWhenItsTimeIsOver) {
  auto options = shell("stubborn", "trap '' TERM; echo $$; while :; do sleep 0.01; done");
  options.stop_timeout = 50ms;
  start({options});
  const auto pid = number_from("stubborn");
  on_loop([&] { share_->drain(); });
  turn_until([&] { return share_->connections() == 0; });
  EXPECT_TRUE(evloop::has_ended(pid));
  EXPECT_THAT(fact("stubborn"), HasSubstr("was stopped: was ended by signal 9 (KILL)"));
}

TEST_F(ExecTest, TheStopSignalIsTheOneThatIsConfigured) {
  auto options = shell("picky", "trap 'echo got it; exit 7' USR1; trap '' TERM; echo $$; while :; do sleep 0.01; done");
  options.stop_signal = ExecSignal::user_1;
  start({options});
  number_from("picky");
  on_loop([&] { share_->drain(); });
  turn_until_ended("picky", "stopped");
  EXPECT_THAT(fact("picky"), HasSubstr("exited with 7"));
}

TEST_F(ExecTest, AnAbortKillsTheWholeGroup) {
  start({shell("parent", "trap '' TERM; sleep 1000 & echo $!; wait")});
  const auto grandchild = number_from("parent");
  on_loop([&] { share_->abort(); });
  turn_until([&] { return share_->connections() == 0 && evloop::has_ended(grandchild); });
  EXPECT_THAT(fact("parent"), HasSubstr("(KILL)"));
}

TEST_F(ExecTest, WhatAProgramLeavesBehindIsStopped) {
  start({once("open", "sleep 1000 & echo $!; exit 3"), once("shut", "sleep 1000 >/dev/null 2>&1 & echo $!; exit 4")});
  const auto open = number_from("open");
  const auto shut = number_from("shut");
  turn_until_ended("open", "failed");
  turn_until_ended("shut", "failed");
  turn_until([&] { return evloop::has_ended(open) && evloop::has_ended(shut); });
  EXPECT_THAT(fact("open"), HasSubstr("exited with 3")) << "that is its own status";
  EXPECT_THAT(fact("shut"), HasSubstr("exited with 4"));
}

TEST_F(ExecTest, WhatItLeavesBehindAndDoesNotEndIsKilled) {
  auto options = once("parent", "trap '' TERM; (while :; do sleep 0.01; done) & echo $!");
  options.stop_timeout = 50ms;
  start({options});
  const auto child = number_from("parent");
  turn_until_ended("parent", "succeeded");
  turn_until([&] { return evloop::has_ended(child); });
  EXPECT_EQ(share_->connections(), 0U);
}

TEST_F(ExecTest, AShareThatGoesKillsWhatRuns) {
  start({shell("worker", "trap '' TERM; sleep 1000 & echo $!; wait")});
  const auto grandchild = number_from("worker");
  share_.reset();
  turn_until([&] { return evloop::has_ended(grandchild); });
  EXPECT_THAT(fact("worker"), HasSubstr("was killed"));
  EXPECT_EQ(measure("running", "worker"), 0);
}

TEST_F(ExecTest, ALoopMayBeClosedWhileProgramsRun) {
  start({shell("worker", "sleep 1000 & echo $!; wait")});
  const auto grandchild = number_from("worker");
  loop_.close();
  share_.reset();
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (!evloop::has_ended(grandchild)) ASSERT_LT(std::chrono::steady_clock::now(), give_up);
}

// --- going on ---

TEST_F(ExecTest, ALoopThatGoesOnAfterADrainStartsProgramsAgain) {
  start({shell("worker", "echo $$; exec sleep 1000"), once("setup", "exit 0")});
  const auto first = number_from("worker");
  turn_until_ended("setup", "succeeded");
  on_loop([&] {
    share_->drain();
    share_->resume();
  });
  turn_until([&] { return measure("starts_total", "worker") == 2; });
  EXPECT_TRUE(evloop::has_ended(first)) << "never two at once";
  EXPECT_EQ(share_->connections(), 1U);
  EXPECT_EQ(measure("starts_total", "setup"), 1) << "it is over";
}

TEST_F(ExecTest, ANewListLeavesProgramsThatStayAlone) {
  start({shell("a", "echo $$; exec sleep 1000"), shell("b", "echo $$; exec sleep 1000")});
  const auto a = number_from("a");
  const auto b = number_from("b");
  auto same = make({shell("a", "echo $$; exec sleep 1000"), shell("b", "echo $$; exec sleep 1000")});
  EXPECT_EQ(exec_->adopt(*same), host::Workload::Adoption::same);
  auto changed = make({shell("a", "echo $$; exec sleep 1000"), shell("b", "echo $$; exec sleep 2000")});
  EXPECT_EQ(exec_->adopt(*changed), host::Workload::Adoption::taken);
  const auto next = number_from("b");
  EXPECT_NE(next, b);
  EXPECT_TRUE(evloop::has_ended(b)) << "never two at once";
  EXPECT_EQ(measure("starts_total", "b"), 1) << "it is another one";
  auto fewer = make({shell("a", "echo $$; exec sleep 1000")});
  EXPECT_EQ(exec_->adopt(*fewer), host::Workload::Adoption::taken);
  turn_until([&] { return evloop::has_ended(next) && share_->connections() == 1; });
  EXPECT_FALSE(evloop::has_ended(a));
  EXPECT_EQ(measure("starts_total", "a"), 1);
  EXPECT_EQ(fact("b"), "");
}

TEST_F(ExecTest, OneThatIsNamedAgainWaitsUntilTheFormerOneIsGone) {
  auto options = shell("a", "trap '' TERM; echo $$; while :; do sleep 0.01; done");
  options.stop_timeout = 100ms;
  start({options, shell("b", "exec sleep 1000")});
  const auto first = number_from("a");
  EXPECT_EQ(exec_->adopt(*make({shell("b", "exec sleep 1000")})), host::Workload::Adoption::taken);
  turn_until([&] { return fact("a").empty(); });
  EXPECT_EQ(exec_->adopt(*make({options, shell("b", "exec sleep 1000")})), host::Workload::Adoption::taken);
  const auto second = number_from("a");
  EXPECT_NE(first, second);
  EXPECT_TRUE(evloop::has_ended(first));
}

// As when its loop is stuck and is replaced.
TEST_F(ExecTest, AShareThatWasMadeLaterTakesOver) {
  auto options = shell("worker", "trap '' TERM; echo $$; while :; do sleep 0.01; done");
  options.stop_timeout = 50ms;
  start({options});
  const auto first = number_from("worker");
  evloop::EventLoop other;
  auto taking = exec_->attach(other);
  const auto give_up = std::chrono::steady_clock::now() + patience;
  {
    const evloop::EventLoop::RunScope scope(other);
    while (measure("starts_total", "worker") < 2 && std::chrono::steady_clock::now() < give_up) {
      other.call_soon([] {});
      other.run_once();
    }
  }
  EXPECT_EQ(measure("starts_total", "worker"), 2) << "though the first loop did not turn";
  EXPECT_TRUE(evloop::has_ended(first));
  EXPECT_EQ(measure("running", "worker"), 1);
  turn_until([&] { return share_->connections() == 0; });
  EXPECT_EQ(measure("ends_total", "worker", "stopped"), 1);
  EXPECT_EQ(measure("running", "worker"), 1) << "what comes late changes the count and no more";
  taking.reset();
  other.close();
}

TEST_F(ExecTest, AWorkloadThatTakesThePlaceOfAnotherWaitsForItsPrograms) {
  start({shell("worker", "echo $$; exec sleep 1000"), once("setup", "exit 0")});
  const auto first = number_from("worker");
  turn_until_ended("setup", "succeeded");
  const auto before = std::move(exec_);
  const auto old_share = std::move(share_);
  exec_ = make({shell("worker", "echo $$; exec sleep 1000"), once("setup", "exit 0")});
  exec_->succeed(*before);
  share_ = attach();
  on_loop([&] { old_share->drain(); });
  turn_until([&] { return measure("starts_total", "worker") == 2; });
  EXPECT_TRUE(evloop::has_ended(first)) << "never two at once";
  turn_until([&] { return old_share->connections() == 0; });
  EXPECT_EQ(measure("running", "worker"), 1);
  EXPECT_EQ(measure("starts_total", "setup"), 1) << "what is known goes with it";
}

// --- what they get, and what they write ---

TEST_F(ExecTest, AProgramGetsOnlyTheEnvironmentThatItIsGiven) {
  ASSERT_EQ(::setenv("EVLOOPD_EXEC_TEST", "secret", 1), 0);
  auto options = once("env", "");
  options.command = {"env"};
  options.environment = {{"GREETING", "good morning"}, {"TZ", "UTC"}};
  start({options});
  turn_until_ended("env", "succeeded");
  ::unsetenv("EVLOOPD_EXEC_TEST");
  const auto text = fact("env stdout");
  EXPECT_THAT(text, AllOf(HasSubstr("GREETING=good morning"), HasSubstr("TZ=UTC"), HasSubstr("PATH=")));
  EXPECT_THAT(text, testing::Not(HasSubstr("EVLOOPD_EXEC_TEST")));
}

TEST_F(ExecTest, AProgramStartsInItsDirectoryAndHasNothingToRead) {
  auto options = once("pwd", "pwd; cat; echo end");
  options.directory = "/usr";
  start({options, once("root", "pwd")});
  turn_until_ended("pwd", "succeeded");
  turn_until_ended("root", "succeeded");
  EXPECT_EQ(fact("pwd stdout"), "/usr\nend");
  EXPECT_EQ(fact("root stdout"), "/");
}

TEST_F(ExecTest, BothStreamsAreLoggedAndTheLastLinesKept) {
  start({once("writer", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; printf '\\033[1mé\\377' >&2")});
  turn_until_ended("writer", "succeeded");
  EXPECT_THAT(fact("writer stdout"), AllOf(StartsWith("line 3\nline 4\n"), testing::EndsWith("\nline 12")));
  EXPECT_EQ(fact("writer stderr"), "\\x1b[1mé\\xff");
  EXPECT_THAT(log(), Contains("workload jobs: program writer stdout: line 1"));
  EXPECT_THAT(log(), Contains("workload jobs: program writer stderr: \\x1b[1mé\\xff"));
}

TEST_F(ExecTest, LinesThatComeTooFastAreNotLoggedButCountedAndSaid) {
  auto options = once("writer", "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done");
  options.log_rate = 10;
  auto silent = once("silent", "echo one; echo two");
  silent.log_rate = 0;
  start({options, silent});
  turn_until_ended("writer", "succeeded");
  turn_until_ended("silent", "succeeded");
  const auto lines = log();
  const auto logged = std::ranges::count_if(lines, [](const auto& line) { return line.find("stdout: ") != line.npos; });
  EXPECT_EQ(static_cast<double>(logged) + measure("unlogged_lines_total", "writer"), 3000);
  EXPECT_LT(logged, 1000);
  EXPECT_THAT(lines, Contains(HasSubstr(" lines too fast for the log (log_rate)")));
  EXPECT_THAT(fact("writer stdout"), testing::EndsWith("\n2999"));
  EXPECT_EQ(fact("silent stdout"), "one\ntwo");
  EXPECT_EQ(measure("unlogged_lines_total", "silent"), 0) << "nobody wanted them";
}

TEST_F(ExecTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_ANY_THROW(Exec({.programs = {shell("a", "exit 0")}})) << "it must be allowed";
  EXPECT_ANY_THROW(make({{.name = "a"}}));
  EXPECT_ANY_THROW(make({{.name = "a", .command = {"a"}, .mode = ExecMode::schedule}}));
  EXPECT_ANY_THROW(make({{.name = "a", .command = {"a"}, .log_rate = -1}}));
}

}  // namespace
}  // namespace evloopd::workloads
