#include "net/process/subprocess_transport.h"

#include <signal.h>

#include <functional>
#include <map>

#include "net/pipe_test.h"
#include "net/process/process_test.h"

namespace evloop {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// Writes down what it is told.
class SubprocessRecorder : public SubprocessProtocol {
 public:
  using Action = std::function<void(SubprocessRecorder&)>;

  void connection_made(SubprocessTransport& made) override { called("made", made, on_made); }
  void pipe_data_received(int fd, std::span<const std::byte> data) override {
    received[fd] += text(data);
    calls.push_back("data " + std::to_string(fd));
    if (on_data) on_data(*this);
  }
  void pipe_connection_lost(int fd, std::exception_ptr error) override {
    lost[fd] = error;
    calls.push_back("pipe lost " + std::to_string(fd));
    if (on_pipe_lost) on_pipe_lost(*this);
  }
  void process_exited() override { called("exited", *transport, on_exited); }
  void connection_lost(std::exception_ptr error) override {
    EXPECT_EQ(error, nullptr);
    over = true;
    called("lost", *transport, on_lost);
  }
  void pause_writing() override { calls.emplace_back("pause"); }
  void resume_writing() override { calls.emplace_back("resume"); }

  SubprocessTransport* transport = nullptr;
  std::vector<std::string> calls;
  std::map<int, std::string> received;
  std::map<int, std::exception_ptr> lost;
  bool over = false;
  Action on_made, on_data, on_pipe_lost, on_exited, on_lost;

 private:
  void called(const char* what, SubprocessTransport& by, const Action& action) {
    transport = &by;
    calls.emplace_back(what);
    if (action) action(*this);
  }
};

class SubprocessTransportTest : public ProcessTest {
 protected:
  static constexpr SubprocessOptions no_pipes() {
    return {.std_in = Stdio::devnull(), .std_out = Stdio::devnull(), .std_err = Stdio::devnull()};
  }
  Ref<SubprocessTransport> start(std::string command, SubprocessOptions options = {}) {
    return run(subprocess_shell(loop_, factory_, std::move(command), std::move(options))).transport;
  }
  // A child of which the loop has not heard yet, as it made no turn.
  Ref<SubprocessTransport> start_unseen(std::string command, SubprocessOptions options = no_pipes()) {
    auto spawned = spawn(shell(std::move(command)), options);
    return SubprocessTransport::create(loop_, Child(spawned.pid), std::move(spawned.pipes), protocol_);
  }
  static void wait_for_exit(const Ref<SubprocessTransport>& transport) {
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(transport->get_pid()), &info, WEXITED | WNOWAIT), 0);
  }
  void wait_for_end() {
    turn_until([this] { return protocol_->over; });
    turn();
  }

  Ref<SubprocessRecorder> protocol_{new SubprocessRecorder};
  const std::function<Ref<SubprocessRecorder>()> factory_ = [this] { return protocol_; };
};

TEST_F(SubprocessTransportTest, TheStreamsArePipesUnlessOneSaysOtherwise) {  // PROC-01
  const auto transport = start("cat; echo err >&2");
  ASSERT_TRUE(transport->get_pipe_transport(0));
  transport->get_pipe_transport(0)->write("in");
  transport->get_pipe_transport(0)->close();
  wait_for_end();
  EXPECT_EQ(protocol_->received[1], "in");
  EXPECT_EQ(protocol_->received[2], "err\n");
  EXPECT_TRUE(transport->get_pipe_transport(1)->is_closing());
  EXPECT_FALSE(transport->get_pipe_transport(3));
  EXPECT_FALSE(transport->get_pipe_transport(-1));
}

TEST_F(SubprocessTransportTest, AProgramIsStartedWithItsArguments) {
  const auto child = run(subprocess_exec(loop_, factory_, {"echo", "a b", "$HOME"}, {.std_in = Stdio::devnull()}));
  EXPECT_FALSE(child.transport->get_pipe_transport(0));
  wait_for_end();
  EXPECT_EQ(protocol_->received[1], "a b $HOME\n");
}

TEST_F(SubprocessTransportTest, ConnectionMadeIsFirstAndConnectionLostIsLast) {  // PROC-04
  start("echo out; echo err >&2", {.std_in = Stdio::devnull()});
  wait_for_end();
  auto calls = protocol_->calls;
  ASSERT_EQ(calls.size(), 7u);
  EXPECT_EQ(calls.front(), "made");
  EXPECT_EQ(calls.back(), "lost");
  // Between the pipes and the exit there is no order.
  std::ranges::sort(calls);
  EXPECT_THAT(calls, ElementsAre("data 1", "data 2", "exited", "lost", "made", "pipe lost 1", "pipe lost 2"));
}

TEST_F(SubprocessTransportTest, NoEventComesBeforeConnectionMade) {  // PROC-04
  // Written, closed and exited before the loop makes a turn.
  const auto transport =
      start_unseen("echo early", {.std_in = Stdio::devnull(), .std_out = Stdio::pipe(), .std_err = Stdio::devnull()});
  wait_for_exit(transport);
  wait_for_end();
  EXPECT_EQ(protocol_->calls.front(), "made");
  EXPECT_EQ(protocol_->received[1], "early\n");
  EXPECT_EQ(transport->get_returncode(), 0);
}

TEST_F(SubprocessTransportTest, ItsExitIsNoticedWithoutAPidfdToo) {  // PROC-05
  auto spawned = spawn(shell("exit 5"), no_pipes());
  const auto transport = SubprocessTransport::create(loop_, Child(spawned.pid, Child::Notice::thread), {}, protocol_);
  wait_for_end();
  EXPECT_EQ(transport->get_returncode(), 5);
}

TEST_F(SubprocessTransportTest, ChildrenOfOtherCodeAreLeftAlone) {  // PROC-05
  const auto other = spawn(shell("exit 9"), no_pipes());
  start("exit 1", no_pipes());
  wait_for_end();
  int status = 0;
  ASSERT_EQ(::waitpid(other.pid, &status, 0), other.pid);
  EXPECT_EQ(WEXITSTATUS(status), 9);
}

TEST_F(SubprocessTransportTest, TheChildIsReapedWhenItsExitIsTold) {  // PROC-06
  bool reaped = false;
  protocol_->on_exited = [&](SubprocessRecorder& self) {
    EXPECT_EQ(self.transport->get_returncode(), 3);
    reaped = !has_child();
  };
  const auto transport = start_unseen("exit 3");
  wait_for_exit(transport);
  EXPECT_EQ(transport->get_returncode(), std::nullopt);
  wait_for_end();
  EXPECT_TRUE(reaped);
}

TEST_F(SubprocessTransportTest, OneReapedByOthersHas255AndNothingStaysOpen) {  // PROC-07
  const auto before = open_fds();
  const auto transport = start_unseen("exit 3");
  ASSERT_EQ(::waitpid(transport->get_pid(), nullptr, 0), transport->get_pid());
  wait_for_end();
  EXPECT_EQ(transport->get_returncode(), 255);
  EXPECT_EQ(open_fds(), before);
}

TEST_F(SubprocessTransportTest, TheReturncodeIsTheExitStatusOrTheNegativeSignal) {  // PROC-08
  const auto killed = start("exec sleep 1000", no_pipes());
  killed->terminate();
  wait_for_end();
  EXPECT_EQ(killed->get_returncode(), -SIGTERM);
}

TEST_F(SubprocessTransportTest, KillEndsOneThatIgnoresSigterm) {  // PROC-08
  const auto transport = start("trap '' TERM; echo ready; exec sleep 1000");
  turn_until([&] { return protocol_->received[1] == "ready\n"; });
  transport->terminate();
  transport->send_signal(0);
  EXPECT_EQ(transport->get_returncode(), std::nullopt);
  transport->kill();
  wait_for_end();
  EXPECT_EQ(transport->get_returncode(), -SIGKILL);
}

TEST_F(SubprocessTransportTest, WaitDoesNotWaitForThePipes) {  // PROC-09
  // The grandchild has the child's stdout.
  const auto transport = start("sleep 1000 & echo $!");
  EXPECT_EQ(run(transport->wait()), 0);
  EXPECT_FALSE(protocol_->over);
  turn_until([&] { return !protocol_->received[1].empty(); });
  ::kill(std::stoi(protocol_->received[1]), SIGKILL);
  wait_for_end();
}

TEST_F(SubprocessTransportTest, ManyMayWaitAndAgainAfterTheExit) {  // PROC-09, PROC-10
  const auto transport = start("exec sleep 1000", no_pipes());
  const auto first = loop_.create_task(transport->wait());
  const auto cancelled = loop_.create_task(transport->wait());
  const auto second = loop_.create_task(transport->wait());
  turn();
  cancelled.cancel();
  turn(2);
  EXPECT_TRUE(cancelled.cancelled());
  EXPECT_EQ(transport->get_returncode(), std::nullopt);
  transport->kill();
  turn_until([&] { return first.done() && second.done(); });
  EXPECT_EQ(first.result(), -SIGKILL);
  EXPECT_EQ(second.result(), -SIGKILL);
  EXPECT_EQ(run(transport->wait()), -SIGKILL);
}

TEST_F(SubprocessTransportTest, SignalsAfterTheExitDoNothingAndAfterTheEndThrow) {  // PROC-11
  const auto transport = start("sleep 1000 & echo $!");
  run(transport->wait());
  transport->send_signal(SIGTERM);
  transport->terminate();
  transport->kill();
  turn_until([&] { return !protocol_->received[1].empty(); });
  ::kill(std::stoi(protocol_->received[1]), SIGKILL);
  wait_for_end();
  for (const auto& send : {std::function([&] { transport->send_signal(SIGTERM); }),
                           std::function([&] { transport->terminate(); }), std::function([&] { transport->kill(); })}) {
    try {
      send();
      ADD_FAILURE() << "did not throw";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_such_process);
    }
  }
}

TEST_F(SubprocessTransportTest, ASignalThatRacesWithTheExitIsSilent) {  // PROC-11
  const auto transport = start_unseen("exit 4");
  wait_for_exit(transport);
  transport->terminate();  // it has exited, and nobody noticed
  transport->kill();
  wait_for_end();
  EXPECT_EQ(transport->get_returncode(), 4);
}

TEST_F(SubprocessTransportTest, CloseKillsARunningChildAndClosesItsPipes) {  // PROC-14
  const auto before = open_fds();
  const auto transport = start("trap '' TERM; exec sleep 1000");
  transport->close();
  transport->close();
  EXPECT_TRUE(transport->is_closing());
  wait_for_end();
  EXPECT_EQ(transport->get_returncode(), -SIGKILL);
  EXPECT_EQ(protocol_->lost.size(), 3u);
  EXPECT_EQ(open_fds(), before);
}

TEST_F(SubprocessTransportTest, CloseDoesNotTouchAChildThatHasExited) {  // PROC-14
  const auto transport = start_unseen("exit 6");
  wait_for_exit(transport);
  transport->close();
  wait_for_end();
  EXPECT_EQ(transport->get_returncode(), 6);
}

TEST_F(SubprocessTransportTest, ClosedInsideConnectionMadeItEndsInOrder) {  // PROC-04, PROC-14
  protocol_->on_made = [](SubprocessRecorder& self) { self.transport->close(); };
  start("exec sleep 1000");
  wait_for_end();
  EXPECT_EQ(protocol_->calls.front(), "made");
  EXPECT_EQ(protocol_->calls.back(), "lost");
  EXPECT_EQ(protocol_->calls.size(), 6u);
}

TEST_F(SubprocessTransportTest, CancellingTheCreationKillsAndReapsFirst) {  // PROC-15
  const auto before = open_fds();
  // However far it has come.
  for (int turns = 0;; ++turns) {
    auto task = loop_.create_task(subprocess_shell(loop_, factory_, "exec sleep 1000"));
    turn(turns);
    if (task.done()) {
      task.result().transport->close();
      wait_for_end();
      break;
    }
    task.cancel();
    turn_until([&] { return task.done(); });
    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(has_child());
    turn(2);
    EXPECT_EQ(open_fds(), before);
    EXPECT_THAT(loop_.all_tasks(), IsEmpty());
    protocol_ = Ref(new SubprocessRecorder);
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(SubprocessTransportTest, AStoppedChildBlocksNothing) {  // PROC-17
  const auto transport = start("kill -STOP $$; exit 3", no_pipes());
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(transport->get_pid()), &info, WSTOPPED | WNOWAIT), 0);
  turn(3);
  EXPECT_EQ(transport->get_returncode(), std::nullopt);
  transport->send_signal(SIGCONT);
  wait_for_end();
  EXPECT_EQ(transport->get_returncode(), 3);
}

TEST_F(SubprocessTransportTest, AChildLeftWhenTheLoopIsClosedIsKilledAndReaped) {  // PROC-18
  const auto before = open_fds();
  auto transport = start("trap '' TERM; exec sleep 1000");
  const auto pid = std::to_string(transport->get_pid());
  loop_.close();
  EXPECT_TRUE(all_reaped());
  EXPECT_THAT(log(), testing::Contains("Loop that handles pid " + pid + " is closed"));
  EXPECT_THAT(log(), testing::Contains(AllOf(StartsWith("unclosed transport <SubprocessTransport"), HasSubstr(pid))));
  EXPECT_FALSE(protocol_->over);
  transport->close();  // without effect
  EXPECT_THROW(transport->kill(), std::system_error);
  EXPECT_LT(open_fds(), before);  // the loop's own are closed too
}

TEST_F(SubprocessTransportTest, AClosedOneLeftWhenTheLoopIsClosedIsReapedToo) {  // PROC-18
  const auto transport = start("exec sleep 1000", no_pipes());
  transport->close();
  loop_.close();
  EXPECT_TRUE(all_reaped());
  EXPECT_THAT(log(), ElementsAre("Loop that handles pid " + std::to_string(transport->get_pid()) + " is closed"));
}

TEST_F(SubprocessTransportTest, OneThatIsAboutToEndGoesWithTheLoop) {  // PROC-18
  const auto transport = start_unseen("exit 3");
  turn_until([&] { return transport->get_returncode().has_value(); });
  ASSERT_FALSE(protocol_->over);  // it is told in the next turn
  transport->close();
  loop_.close();
  EXPECT_FALSE(transport->get_protocol());
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(SubprocessTransportTest, OneWhosePipesOutlivedTheChildGoesWithTheLoop) {  // PROC-18
  const auto transport = start("exec 3<&0; cat <&3 & exit 3", {.std_in = Stdio::pipe(), .std_out = Stdio::pipe()});
  turn_until([&] { return transport->get_returncode().has_value(); });
  EXPECT_THAT(protocol_->lost, IsEmpty());
  transport->send_signal(SIGTERM);  // without effect
  loop_.close();
  EXPECT_FALSE(transport->get_protocol());
  EXPECT_THAT(log(), testing::Contains(StartsWith("unclosed transport <SubprocessTransport")));
  EXPECT_THAT(log(), testing::Not(testing::Contains(StartsWith("Loop that handles pid"))));
}

TEST_F(SubprocessTransportTest, ADroppedTransportIsReapedAllTheSame) {
  start("exit 0", no_pipes());
  wait_for_end();
  EXPECT_FALSE(has_child());
}

TEST_F(SubprocessTransportTest, TheProtocolIsToldToPauseWriting) {
  const auto transport = start("exec sleep 1000");
  const auto std_in = transport->get_pipe_transport(0);
  std_in->write(std::string(1024 * 1024, 'x'));
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "pause"));
  std_in->abort();
  transport->close();
  wait_for_end();
}

TEST_F(SubprocessTransportTest, ExceptionsOfTheProtocolAreReportedAndItGoesOn) {
  const auto fail = [](SubprocessRecorder&) { throw ValueError("protocol"); };
  protocol_->on_made = protocol_->on_data = protocol_->on_pipe_lost = protocol_->on_exited = protocol_->on_lost = fail;
  start("echo out", {.std_in = Stdio::devnull(), .std_err = Stdio::devnull()});
  wait_for_end();
  EXPECT_THAT(protocol_->calls, testing::UnorderedElementsAre("made", "data 1", "pipe lost 1", "exited", "lost"));
  EXPECT_EQ(reports_.size(), 5u);
}

TEST_F(SubprocessTransportTest, AnotherProtocolTakesEffectAtTheNextEvent) {
  const auto transport = start("read line; echo $line", {.std_err = Stdio::devnull()});
  const Ref<SubprocessRecorder> other(new SubprocessRecorder);
  other->transport = transport.get();
  transport->set_protocol(other);
  EXPECT_EQ(transport->get_protocol(), other);
  transport->get_pipe_transport(0)->write("hello\n");
  turn_until([&] { return other->over; });
  EXPECT_EQ(other->received[1], "hello\n");
  EXPECT_THAT(protocol_->calls, ElementsAre("made"));
}

TEST_F(SubprocessTransportTest, SaysWhatItIs) {
  const auto transport =
      start_unseen("exit 2", {.std_in = Stdio::devnull(), .std_out = Stdio::pipe(), .std_err = Stdio::devnull()});
  const auto pid = std::to_string(transport->get_pid());
  EXPECT_THAT(transport->describe(), StartsWith("<SubprocessTransport pid=" + pid + " running stdout=<ReadPipe"));
  wait_for_end();
  EXPECT_THAT(transport->describe(), HasSubstr("closed pid=" + pid + " returncode=2"));
}

}  // namespace
}  // namespace evloop
