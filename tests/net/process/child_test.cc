#include "net/process/child.h"

#include <poll.h>
#include <signal.h>

#include "net/process/process_test.h"

namespace evloop {
namespace {

// However the exit is told.
class ChildTest : public ProcessTest, public testing::WithParamInterface<Child::Notice> {
 protected:
  static Child start(std::string command) {
    return Child(spawn(shell(std::move(command)),
                       {.std_in = Stdio::devnull(), .std_out = Stdio::devnull(), .std_err = Stdio::devnull()})
                     .pid,
                 GetParam());
  }
  static bool exits(const Child& child) {
    pollfd exit{.fd = child.exit_fd(), .events = POLLIN, .revents = 0};
    return ::poll(&exit, 1, 10'000) == 1;
  }
};

INSTANTIATE_TEST_SUITE_P(Notices, ChildTest, testing::Values(Child::Notice::pidfd, Child::Notice::thread),
                         [](const auto& notice) { return notice.param == Child::Notice::pidfd ? "Pidfd" : "Thread"; });

TEST_P(ChildTest, ItsExitIsToldAndThenItIsReaped) {  // PROC-05, PROC-08
  auto child = start("exit 7");
  ASSERT_TRUE(exits(child));
  EXPECT_TRUE(has_child());  // not reaped by who tells (PROC-06)
  EXPECT_EQ(child.reap(), 7);
  EXPECT_FALSE(has_child());
}

TEST_P(ChildTest, OneEndedByASignalHasItsNegativeNumber) {  // PROC-08
  auto child = start("exec sleep 1000");
  EXPECT_EQ(child.reap(), std::nullopt);
  child.send_signal(SIGTERM);
  ASSERT_TRUE(exits(child));
  EXPECT_EQ(child.reap(), -SIGTERM);
}

TEST_P(ChildTest, AStoppedOneHasNotExited) {  // PROC-17
  auto child = start("kill -STOP $$; exit 3");
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT), 0);
  EXPECT_EQ(child.reap(), std::nullopt);
  child.send_signal(SIGCONT);
  ASSERT_TRUE(exits(child));
  EXPECT_EQ(child.reap(), 3);
}

TEST_P(ChildTest, ASignalToOneThatHasExitedIsSilent) {  // PROC-11
  auto child = start("exit 0");
  ASSERT_TRUE(exits(child));
  child.send_signal(SIGTERM);
  EXPECT_EQ(child.reap(), 0);
}

TEST_P(ChildTest, ASignalThatIsNoneIsAnError) {
  auto child = start("exec sleep 1000");
  EXPECT_THROW(child.send_signal(1000), std::system_error);
}

TEST_P(ChildTest, OneThatSomebodyElseReapedHas255) {  // PROC-07
  auto child = start("exit 7");
  ASSERT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
  ASSERT_TRUE(exits(child));
  EXPECT_EQ(child.reap(), 255);
  EXPECT_THAT(log(), testing::ElementsAre("child process pid " + std::to_string(child.pid()) +
                                          " exit status already read:  will report returncode 255"));
}

TEST_P(ChildTest, OneThatNobodyReapsIsKilledAndReaped) {
  start("trap '' TERM; exec sleep 1000");
  EXPECT_TRUE(all_reaped());
}

TEST_P(ChildTest, WhereSigchldIsIgnoredTheStatusIsUnknown) {  // PROC-07
  ::signal(SIGCHLD, SIG_IGN);
  auto child = start("exit 7");
  ASSERT_TRUE(exits(child));
  EXPECT_EQ(child.reap(), 255);
  ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace
}  // namespace evloop
