#include "net/acceptor.h"

#include <sys/resource.h>

#include <algorithm>

#include "net/net_test.h"
#include "net/os_error.h"

namespace evloop {
namespace {

using testing::ElementsAre;

// Unix sockets connect without the loop's help and without delay, so that time can be virtual.
class AcceptorTest : public NetTest {
 protected:
  AcceptorTest() : NetTest(Time::is_virtual) {}

  UniqueFd connect() {
    auto client = open_stream_socket(AF_UNIX);
    const auto address = SocketAddress::local(listener_.get());
    if (::connect(client.get(), address.data(), address.length()) != 0) ADD_FAILURE() << errno;
    return client;
  }
  Acceptor make(int backlog = 5) {
    return Acceptor(loop_, listener_.get(), backlog, [this](UniqueFd fd) { accepted_.push_back(std::move(fd)); });
  }

  const UniqueFd listener_ = listen_stream_socket(
      SocketAddress::unix_path(std::string("\0evloop-acceptor-", 17) + std::to_string(::getpid())));
  std::vector<UniqueFd> accepted_;
};

// Lets this process open no more files than it has. The sanitizers open a pipe for the first look at each class of
// object: what is done meanwhile has been done before.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    static_cast<void>(make_os_error("warm", EMFILE));
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const UniqueFd next(::dup(0));
    auto now = before_;
    now.rlim_cur = static_cast<rlim_t>(next.get());
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoMoreFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_{};
};

TEST_F(AcceptorTest, TakesAtMostBacklogPlusOneConnectionsPerTurn) {  // SRV-09
  auto acceptor = make(2);
  acceptor.start();
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 7; ++i) clients.push_back(connect());
  turn();
  EXPECT_EQ(accepted_.size(), 3u);
  turn();
  EXPECT_EQ(accepted_.size(), 6u);
  turn();
  EXPECT_EQ(accepted_.size(), 7u);
  for (const auto& fd : accepted_) {
    EXPECT_TRUE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC);
  }
}

TEST_F(AcceptorTest, OutOfFilesItReportsOncePausesForASecondAndGoesOn) {  // SRV-11
  auto acceptor = make();
  acceptor.start();
  const auto first = connect();
  const auto second = connect();
  loop_.call_later(0s, [] {}).cancel();
  {
    const NoMoreFiles none;
    turn(5);
  }
  EXPECT_THAT(reports_, ElementsAre("socket.accept() out of system resource"));
  EXPECT_THAT(last_report_.keys(), ElementsAre("exception", "message", "socket"));
  EXPECT_TRUE(acceptor.is_paused());
  EXPECT_FALSE(loop_.is_watched(listener_.get(), Interest::read));
  turn(5);
  EXPECT_EQ(accepted_.size(), 0u);
  const auto before = loop_.time();
  turn_until([&] { return !accepted_.empty(); });
  EXPECT_EQ(loop_.time() - before, 1s);
  EXPECT_EQ(accepted_.size(), 2u);
  EXPECT_FALSE(acceptor.is_paused());
  EXPECT_EQ(reports_.size(), 1u);
}

TEST_F(AcceptorTest, StoppingWhilePausedCancelsTheRetry) {  // SRV-12
  auto acceptor = make();
  acceptor.start();
  const auto client = connect();
  loop_.call_later(0s, [] {}).cancel();
  {
    const NoMoreFiles none;
    turn();
  }
  acceptor.stop();
  EXPECT_FALSE(acceptor.is_paused());
  clock_.advance(5s);
  turn(3);
  EXPECT_EQ(accepted_.size(), 0u);
  EXPECT_FALSE(loop_.is_watched(listener_.get(), Interest::read));
  // It can begin anew.
  acceptor.start();
  turn();
  EXPECT_EQ(accepted_.size(), 1u);
}

TEST_F(AcceptorTest, AnyOtherErrorIsReportedAndItGoesOn) {  // SRV-13
  Acceptor acceptor(loop_, listener_.get(), 5, [this](UniqueFd fd) {
    accepted_.push_back(std::move(fd));
    if (accepted_.size() == 1) throw LoopError("not this one");
  });
  acceptor.start();
  const auto first = connect();
  const auto second = connect();
  turn();
  EXPECT_EQ(reports_.size(), 1u);
  turn();
  EXPECT_EQ(accepted_.size(), 2u);
}

TEST_F(AcceptorTest, StoppedInsideItsCallbackItTakesNoFurtherConnection) {
  Acceptor* self = nullptr;
  Acceptor acceptor(loop_, listener_.get(), 5, [&](UniqueFd fd) {
    accepted_.push_back(std::move(fd));
    self->stop();
  });
  self = &acceptor;
  acceptor.start();
  acceptor.start();
  const auto first = connect();
  const auto second = connect();
  turn(3);
  EXPECT_EQ(accepted_.size(), 1u);
  EXPECT_FALSE(acceptor.is_started());
  // The other one waits in the kernel's queue, for whoever accepts next.
  auto next = make();
  next.start();
  turn();
  EXPECT_EQ(accepted_.size(), 2u);
}

TEST_F(AcceptorTest, SuspendedItLeavesTheSocketAloneUntilItIsResumed) {
  auto acceptor = make();
  acceptor.resume();
  acceptor.suspend();
  EXPECT_FALSE(acceptor.is_suspended()) << "it is not started";
  acceptor.start();
  acceptor.suspend();
  acceptor.suspend();
  const auto client = connect();
  turn(3);
  EXPECT_EQ(accepted_.size(), 0u);
  EXPECT_FALSE(loop_.is_watched(listener_.get(), Interest::read));
  acceptor.resume();
  acceptor.resume();
  turn();
  EXPECT_EQ(accepted_.size(), 1u);
  acceptor.suspend();
  acceptor.stop();
  EXPECT_FALSE(acceptor.is_suspended());
  acceptor.resume();
  EXPECT_FALSE(loop_.is_watched(listener_.get(), Interest::read)) << "it is stopped";
  acceptor.start();
  EXPECT_TRUE(loop_.is_watched(listener_.get(), Interest::read));
}

TEST_F(AcceptorTest, SuspendedWhilePausedItWaitsForItsResumeAlone) {
  auto acceptor = make();
  acceptor.start();
  const auto client = connect();
  loop_.call_later(0s, [] {}).cancel();
  {
    const NoMoreFiles none;
    turn();
  }
  ASSERT_TRUE(acceptor.is_paused());
  acceptor.suspend();
  EXPECT_FALSE(acceptor.is_paused());
  clock_.advance(5s);
  turn(3);
  EXPECT_EQ(accepted_.size(), 0u);
  acceptor.resume();
  turn();
  EXPECT_EQ(accepted_.size(), 1u);
}

// Opens for as many as it is told.
struct CountingGate final : Acceptor::Gate {
  bool opens() override {
    if (left == 0) return false;
    --left;
    return true;
  }
  void nobody_came() noexcept override { ++left; }

  int left = 0;
};

TEST_F(AcceptorTest, AGateIsAskedBeforeEachConnectionAndToldIfNobodyCame) {
  CountingGate gate;
  gate.left = 2;
  Acceptor acceptor(loop_, listener_.get(), 5, [this](UniqueFd fd) { accepted_.push_back(std::move(fd)); }, &gate);
  acceptor.start();
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  turn(3);
  EXPECT_EQ(accepted_.size(), 2u);
  gate.left = 5;
  turn(3);
  EXPECT_EQ(accepted_.size(), 3u);
  EXPECT_EQ(gate.left, 4) << "the round ended with nobody";
  loop_.call_later(0s, [] {}).cancel();
  clients.push_back(connect());
  {
    const NoMoreFiles none;
    turn();
  }
  EXPECT_TRUE(acceptor.is_paused());
  EXPECT_EQ(gate.left, 4) << "nor did anybody come when there were no files";
}

TEST_F(AcceptorTest, DestructionLeavesTheListeningSocketAlone) {
  {
    auto acceptor = make();
    acceptor.start();
    turn();
  }
  EXPECT_FALSE(loop_.is_watched(listener_.get(), Interest::read));
  const auto client = connect();
  turn();
  EXPECT_EQ(accepted_.size(), 0u);
}

TEST_F(AcceptorTest, OutlivesAClosedLoop) {
  auto acceptor = make();
  acceptor.start();
  loop_.close();
  acceptor.stop();
  EXPECT_FALSE(acceptor.is_started());
}

}  // namespace
}  // namespace evloop
