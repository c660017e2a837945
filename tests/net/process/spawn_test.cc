#include "net/process/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "net/pipe_test.h"
#include "net/process/process_test.h"

namespace evloop {
namespace {

using SpawnTest = ProcessTest;

// Text of the exception, and its errno.
template <class F>
std::pair<std::string, int> failure_of(F start) {
  try {
    start();
  } catch (const std::system_error& error) {
    return {error.what(), error.code().value()};
  }
  ADD_FAILURE() << "it started";
  return {};
}

TEST_F(SpawnTest, TheProgramIsLookedForInThePath) {
  EXPECT_EQ(output_of({"echo", "found", "it"}).first, "found it\n");
  EXPECT_EQ(output_of({"/bin/echo", "absolute"}).first, "absolute\n");
}

TEST_F(SpawnTest, TheChildsOwnPathCounts) {
  const SubprocessOptions nowhere{.env = std::map<std::string, std::string>{{"PATH", "/nowhere::/proc/self/fd"}}};
  EXPECT_EQ(failure_of([&] { output_of({"echo"}, nowhere); }).second, ENOENT);
  const SubprocessOptions somewhere{.env = std::map<std::string, std::string>{{"PATH", "/nowhere:/bin"}}};
  EXPECT_EQ(output_of({"echo", "found"}, somewhere).first, "found\n");
  const SubprocessOptions none{.env = std::map<std::string, std::string>{}};
  EXPECT_EQ(output_of({"echo", "found"}, none).first, "found\n");
}

TEST_F(SpawnTest, AFailureNamesTheProgramAndLeaksNothing) {  // PROC-03
  const auto before = open_fds();
  const SubprocessOptions pipes{.std_in = Stdio::pipe(), .std_err = Stdio::pipe()};
  const auto missing = failure_of([&] { output_of({"no-such-program-anywhere", "x"}, pipes); });
  EXPECT_EQ(missing.first, "no-such-program-anywhere: No such file or directory");
  EXPECT_EQ(missing.second, ENOENT);
  EXPECT_EQ(failure_of([&] { output_of({"/no/such/program"}, pipes); }).second, ENOENT);
  EXPECT_EQ(failure_of([&] { output_of({"/etc/passwd"}, pipes); }).second, EACCES);
  EXPECT_EQ(failure_of([&] { output_of({"/"}, pipes); }).second, EACCES);
  const auto folder = failure_of([&] { output_of({"echo"}, {.cwd = "/no/such/folder"}); });
  EXPECT_EQ(folder.first, "/no/such/folder: No such file or directory");
  EXPECT_EQ(failure_of([&] { output_of({"echo"}, {.std_in = Stdio::fd(9999)}); }).second, EBADF);
  EXPECT_EQ(open_fds(), before);
  EXPECT_FALSE(has_child());
}

TEST_F(SpawnTest, AFileThatIsNoProgramIsRefused) {  // PROC-03
  const auto path = std::filesystem::path(testing::TempDir()) / ("evloop-" + std::to_string(::getpid()));
  std::ofstream(path) << "just text";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  EXPECT_EQ(failure_of([&] { output_of({path}); }).second, ENOEXEC);
  std::filesystem::remove(path);
}

TEST_F(SpawnTest, RefusesTextWithANulAndNamesThatAreNone) {
  using Variables = std::map<std::string, std::string>;
  EXPECT_THROW(output_of({std::string("a\0b", 3)}), ValueError);
  EXPECT_THROW(output_of({"echo", std::string("a\0b", 3)}), ValueError);
  EXPECT_THROW(output_of({"echo"}, {.cwd = std::string("/\0", 2)}), ValueError);
  EXPECT_THROW(output_of({"echo"}, {.env = Variables{{"A=B", "c"}}}), ValueError);
  EXPECT_THROW(output_of({"echo"}, {.env = Variables{{"A", std::string("\0", 1)}}}), ValueError);
  EXPECT_THROW(output_of({"echo"}, {.pass_fds = {-1}}), ValueError);
  EXPECT_THROW(output_of({}), ValueError);
}

TEST_F(SpawnTest, TheEnvironmentIsThisOneOrTheOneGiven) {
  ::setenv("EVLOOP_TEST", "inherited", 1);
  EXPECT_EQ(output_of(shell("echo $EVLOOP_TEST")).first, "inherited\n");
  const SubprocessOptions given{.env = std::map<std::string, std::string>{{"EVLOOP_OTHER", "given"}}};
  EXPECT_EQ(output_of(shell("echo $EVLOOP_TEST-$EVLOOP_OTHER"), given).first, "-given\n");
  ::unsetenv("EVLOOP_TEST");
}

TEST_F(SpawnTest, TheFolderIsTheOneGiven) {
  EXPECT_EQ(output_of({"pwd"}, {.cwd = "/usr"}).first, "/usr\n");
  // A relative program is relative to it.
  EXPECT_EQ(output_of({"./sh", "-c", "pwd"}, {.cwd = "/bin"}).second, 0);
  EXPECT_EQ(output_of({"bin/env", "echo", "x"}, {.cwd = "/usr"}).first, "x\n");
}

TEST_F(SpawnTest, StreamsAreInheritedGivenOrTheNullDevice) {
  auto [read, write] = make_pipe();
  EXPECT_EQ(output_of({"cat"}, {.std_in = Stdio::devnull()}).first, "");
  write_text(write, "through an fd");
  write.reset();
  EXPECT_EQ(output_of({"cat"}, {.std_in = Stdio::fd(read.get())}).first, "through an fd");
  EXPECT_TRUE(is_open(read.get()));  // the caller's
  EXPECT_EQ(output_of(shell("echo out; echo err >&2"), {.std_err = Stdio::to_stdout()}).first, "out\nerr\n");
  EXPECT_EQ(output_of(shell("echo out; echo err >&2"), {.std_err = Stdio::devnull()}).first, "out\n");
}

TEST_F(SpawnTest, StreamsMayChangePlaces) {
  auto [out_read, out_write] = make_pipe();
  auto [err_read, err_write] = make_pipe();
  const UniqueFd out(::fcntl(1, F_DUPFD_CLOEXEC, 10));
  const UniqueFd err(::fcntl(2, F_DUPFD_CLOEXEC, 10));
  ::dup2(out_write.get(), 1);
  ::dup2(err_write.get(), 2);
  const auto spawned = spawn(shell("echo out; echo err >&2"),
                             {.std_in = Stdio::inherit(), .std_out = Stdio::fd(2), .std_err = Stdio::fd(1)});
  ::dup2(out.get(), 1);
  ::dup2(err.get(), 2);
  ASSERT_EQ(::waitpid(spawned.pid, nullptr, 0), spawned.pid);
  EXPECT_EQ(read_text(out_read), "err\n");
  EXPECT_EQ(read_text(err_read), "out\n");
}

TEST_F(SpawnTest, PipesWorkWhereThisProcessHasNoStandardStreams) {
  std::array<UniqueFd, 3> kept;
  for (int fd = 0; fd < 3; ++fd) kept[static_cast<std::size_t>(fd)].reset(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  auto spawned =
      spawn(shell("cat; echo err >&2"), {.std_in = Stdio::pipe(), .std_out = Stdio::pipe(), .std_err = Stdio::pipe()});
  const auto written = ::write(spawned.pipes[0].get(), "in", 2);
  spawned.pipes[0].reset();
  const bool ended = ::waitpid(spawned.pid, nullptr, 0) == spawned.pid;
  const auto out = read_text(spawned.pipes[1]);
  const auto err = read_text(spawned.pipes[2]);
  spawned.pipes = {};
  for (int fd = 0; fd < 3; ++fd) ::dup2(kept[static_cast<std::size_t>(fd)].get(), fd);
  EXPECT_TRUE(written == 2 && ended);
  EXPECT_EQ(out, "in");
  EXPECT_EQ(err, "err\n");
}

TEST_F(SpawnTest, TheChildGetsItsStreamsAndNothingElse) {  // PROC-16
  // One that everybody forgot to mark, in spite of all.
  const UniqueFd inheritable(::fcntl(0, F_DUPFD, 20));
  // The fourth is ls reading the folder.
  EXPECT_EQ(output_of({"ls", "/proc/self/fd"}, {.std_in = Stdio::pipe(), .std_err = Stdio::pipe()}).first,
            "0\n1\n2\n3\n");
}

TEST_F(SpawnTest, DescriptorsThatArePassedKeepTheirNumbers) {
  auto [read, write] = make_pipe();
  const UniqueFd high(::fcntl(read.get(), F_DUPFD_CLOEXEC, 40));
  const UniqueFd higher(::fcntl(read.get(), F_DUPFD_CLOEXEC, 50));
  write_text(write, "passed\n");
  const auto number = std::to_string(high.get());
  const auto output = output_of(shell("read line </proc/self/fd/" + number + "; echo $line; exec ls /proc/self/fd"),
                                {.pass_fds = {higher.get(), high.get(), high.get(), 1}});
  EXPECT_EQ(output.first, "passed\n0\n1\n2\n3\n" + number + "\n" + std::to_string(higher.get()) + "\n");
  EXPECT_NE(::fcntl(high.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(SpawnTest, TheChildMayHaveASessionOrAGroupOfItsOwn) {
  // pid, process group, session
  const auto ids = [&](SubprocessOptions options) {
    std::istringstream text(output_of(shell("cut -d' ' -f1,5,6 /proc/$$/stat"), std::move(options)).first);
    std::array<int, 3> numbers{};
    for (auto& number : numbers) text >> number;
    return numbers;
  };
  const auto plain = ids({});
  EXPECT_EQ(plain[1], ::getpgrp());
  const auto group = ids({.process_group = 0});
  EXPECT_EQ(group[1], group[0]);
  EXPECT_EQ(group[2], ::getsid(0));
  const auto session = ids({.start_new_session = true});
  EXPECT_EQ(session[2], session[0]);
}

TEST_F(SpawnTest, TheChildHasNoSignalBlockedAndBreaksOnABrokenPipe) {
  ::signal(SIGPIPE, SIG_IGN);  // as a process with pipes
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);  // as the threads of a daemon
  const auto blocked = output_of({"grep", "SigBlk", "/proc/self/status"}).first;
  const auto ignored = output_of({"grep", "SigIgn", "/proc/self/status"}).first;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(blocked, "SigBlk:\t0000000000000000\n");
  EXPECT_EQ(std::stoull(ignored.substr(ignored.find('\t')), nullptr, 16) & (1u << (SIGPIPE - 1)), 0u) << ignored;
}

}  // namespace
}  // namespace evloop
