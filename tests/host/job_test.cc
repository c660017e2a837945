// Jobs: what RunUntilComplete does.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "host/fixture.h"
#include "host/job.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Job : public HostTest {};

TEST_F(Job, AnswersWithItsResultAndTheLoopIsWhereItWas) {
  create("io-0");
  const auto answer = job("io-0", "echo", {{"text", "hello"}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, "hello");
  EXPECT_EQ(state("io-0"), LoopState::created);
  EXPECT_EQ(get("io-0").desired, LoopState::created);
  ASSERT_TRUE(host->start("io-0", soon()));
  ASSERT_TRUE(host->stop("io-0", soon()));
  ASSERT_TRUE(job("io-0", "echo"));
  EXPECT_EQ(state("io-0"), LoopState::stopped);
}

TEST_F(Job, AnExceptionIsJobFailedWithTypeMessageAndSite) {
  create("io-0");
  const auto answer = job("io-0", "fail", {{"text", "out of cheese"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::job_failed);
  EXPECT_THAT(answer.error().message, AllOf(HasSubstr("fail"), HasSubstr("io-0"), HasSubstr("out of cheese")));
  EXPECT_EQ(answer.error().metadata.at("type"), "std::runtime_error");
  EXPECT_EQ(answer.error().metadata.at("message"), "out of cheese");
  EXPECT_THAT(answer.error().metadata.at("site"), HasSubstr("fixture.cc:"));
  EXPECT_TRUE(job("io-0", "echo")) << "the loop has taken no harm";
}

TEST_F(Job, AnExceptionThatLeavesTheLoopIsJobFailedToo) {
  create("io-0");
  const auto answer = job("io-0", "fatal");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::job_failed);
  EXPECT_EQ(answer.error().metadata.at("type"), "SystemExit");
  EXPECT_TRUE(job("io-0", "echo"));
}

TEST_F(Job, ACallerThatGoesAwayCancelsIt) {
  create("io-0");
  std::atomic<bool> gone{false};
  HostResult<std::string> answer;
  std::jthread caller([&] {
    answer = host->run_until_complete("io-0", {.kind = "forever", .options = {}}, soon(), [&] { return gone.load(); });
  });
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::running; }));
  gone = true;
  caller.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::job_failed);
  EXPECT_EQ(answer.error().metadata.at("type"), "CancelledError");
  EXPECT_EQ(state("io-0"), LoopState::created);
  EXPECT_EQ(get("io-0").counters.tasks_live, 0U);
}

TEST_F(Job, OneThatIsLateIsCancelledBeforeItsDeadlineAndThatIsTheAnswer) {
  create("io-0");
  const auto answer = host->run_until_complete("io-0", {.kind = "forever", .options = {}}, in(1s), nullptr);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::job_timeout);
  EXPECT_EQ(answer.error().message, "job forever on loop io-0 was not done in time, and has been cancelled");
  EXPECT_THAT(answer.error().metadata.at("site"), HasSubstr("fixture.cc:"));
  EXPECT_EQ(state("io-0"), LoopState::created);
  EXPECT_EQ(get("io-0").counters.tasks_cancelled, 1U);
}

TEST_F(Job, OneThatIsLateAndTakesNoCancellationIsNamed) {
  create("io-0");
  const auto answer = host->run_until_complete("io-0", {.kind = "stubborn", .options = {}}, in(1s), nullptr);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::job_timeout);
  EXPECT_THAT(answer.error().message, HasSubstr("did not end the cancelled job stubborn in time"));
  EXPECT_EQ(state("io-0"), LoopState::running);
  EXPECT_TRUE(host->stop("io-0", soon()));
}

TEST_F(Job, OneThatIsLateBecauseItsLoopDoesNotAnswerIsAStallWithItsSite) {
  create("io-0");
  const auto answer = host->run_until_complete("io-0", {.kind = "block", .options = {}}, in(50ms), nullptr);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::loop_stalled);
  EXPECT_THAT(answer.error().metadata.at("site"), HasSubstr("fixture.cc:"));
  gate.open();
  EXPECT_TRUE(eventually([&] { return state("io-0") == LoopState::created; }));
}

TEST_F(Job, AStopEndsTheRunAndTheJobIsToldSo) {
  create("io-0");
  HostResult<std::string> answer;
  std::jthread caller([&] { answer = job("io-0", "forever"); });
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::running; }));
  ASSERT_TRUE(host->stop("io-0", soon()));
  caller.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::loop_stopped_early);
  EXPECT_EQ(answer.error().metadata.at("loop"), "io-0");
  EXPECT_EQ(get("io-0").counters.tasks_live, 1U) << "as in asyncio, the task stays";
  EXPECT_FALSE(get("io-0").stop_pending);
}

TEST_F(Job, OneRunsAtATime) {
  create("io-0");
  const auto held = hold_up("io-0");
  EXPECT_EQ(job("io-0", "echo").error().reason, Reason::loop_already_running);
  gate.open();
}

TEST_F(Job, AnUnknownKindIsRefusedWithTheKnownOnes) {
  create("io-0");
  const auto answer = job("io-0", "nonsense");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::bad_argument);
  EXPECT_EQ(answer.error().metadata.at("given"), "nonsense");
  EXPECT_THAT(answer.error().metadata.at("allowed"), AllOf(HasSubstr("sleep"), HasSubstr("probe.tcp")));
  EXPECT_THAT(host->job_kinds(), AllOf(Contains("sleep"), Contains("probe.tcp")));
}

TEST_F(Job, BadOptionsAreRefusedByName) {
  struct Case {
    const char* kind;
    std::map<std::string, std::string> options;
    const char* field;
    const char* given;
  };
  create("io-0");
  for (const auto& test : std::vector<Case>{
           {"sleep", {}, "job.options.duration", ""},
           {"sleep", {{"duration", "fast"}}, "job.options.duration", "fast"},
           {"sleep", {{"duration", "-1s"}}, "job.options.duration", "-1s"},
           {"sleep", {{"duration", "25h"}}, "job.options.duration", "25h"},
           {"sleep", {{"duration", "1s"}, {"colour", "red"}}, "job.options", "colour"},
           {"probe.tcp", {}, "job.options.address", ""},
           {"probe.tcp", {{"address", "localhost"}}, "job.options.address", "localhost"},
           {"probe.tcp", {{"address", "127.0.0.1:1"}, {"timeout", "1"}}, "job.options.timeout", "1"},
       }) {
    SCOPED_TRACE(std::string(test.kind) + " " + test.field + " " + test.given);
    const auto answer = job("io-0", test.kind, test.options);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().reason, Reason::bad_argument);
    EXPECT_EQ(answer.error().metadata.at("field"), test.field);
    EXPECT_EQ(answer.error().metadata.at("given"), test.given);
    EXPECT_FALSE(answer.error().metadata.at("allowed").empty());
  }
}

TEST_F(Job, SleepSleeps) {
  create("io-0");
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = job("io-0", "sleep", {{"duration", "10ms"}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(*answer, StartsWith("slept "));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 10ms);
}

TEST_F(Job, ProbeTcpConnects) {
  create("io-0");
  auto listener = evloop::listen_stream_socket(evloop::SocketAddress::parse("127.0.0.1:0"));
  const auto address = evloop::SocketAddress::local(listener.get()).to_string();
  auto answer = job("io-0", "probe.tcp", {{"address", address}, {"timeout", "10s"}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(*answer, StartsWith("connected to " + address + " in "));
  listener.reset();
  answer = job("io-0", "probe.tcp", {{"address", address}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::job_failed);
  EXPECT_EQ(answer.error().metadata.at("type"), "ConnectionRefusedError");
  EXPECT_EQ(answer.error().metadata.at("message"), "Connect call failed " + address + ": Connection refused");
  EXPECT_EQ(get("io-0").counters.watchers, 0U);
}

TEST_F(Job, ProbeTcpGivesUpAfterItsTimeout) {
  create("io-0");
  // A full queue: the kernel drops further connections in silence.
  const auto listener = evloop::bind_stream_socket(evloop::SocketAddress::parse("127.0.0.1:0"));
  evloop::start_listening(listener.get(), 0);
  const auto address = evloop::SocketAddress::local(listener.get());
  const auto first = evloop::open_stream_socket(AF_INET);
  ASSERT_EQ(::connect(first.get(), address.data(), address.length()), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  const auto answer = job("io-0", "probe.tcp", {{"address", address.to_string()}, {"timeout", "50ms"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, Reason::job_failed);
  EXPECT_EQ(answer.error().metadata.at("type"), "TimeoutError");
  EXPECT_THAT(answer.error().message, AllOf(HasSubstr(address.to_string()), HasSubstr("50.000ms")));
}

}  // namespace
}  // namespace evloopd::host
