#include "net/sock.h"

#include "aio/settled.h"
#include "aio/sleep.h"
#include "net/net_test.h"
#include "net/os_error.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SockTest : public NetTest {
 protected:
  SockTest() { std::tie(mine_, theirs_) = socket_pair(); }

  Coro<std::string> receive(std::size_t most = 100) { co_return (co_await sock_recv(loop_, mine_.get(), most)).str(); }

  UniqueFd mine_, theirs_;
};

TEST_F(SockTest, AnswersAtOnceWhatIsThere) {  // SOCK-02
  send_text(theirs_, "data");
  auto task = loop_.create_task(receive());
  turn();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(task.result(), "data");
}

TEST_F(SockTest, WaitsForTheFdAndWakesTheTaskInTheNextTurn) {  // SOCK-03
  auto task = loop_.create_task(receive());
  turn(3);
  EXPECT_FALSE(task.done());
  EXPECT_TRUE(loop_.is_watched(mine_.get(), Interest::read));
  send_text(theirs_, "data");
  turn();
  EXPECT_FALSE(task.done());
  EXPECT_FALSE(loop_.is_watched(mine_.get(), Interest::read));
  turn();
  EXPECT_EQ(task.result(), "data");
}

TEST_F(SockTest, AnErrorOfTheSystemIsThrown) {  // SOCK-03
  auto [client, server] = tcp_pair();
  auto task = loop_.create_task(
      [](EventLoop& loop, int fd) -> Coro<void> { co_await sock_recv(loop, fd, 10); }(loop_, client.get()));
  turn(2);
  reset(server);
  turn_until([&] { return task.done(); });
  EXPECT_TRUE(is_connection_error(task.exception()));
  EXPECT_FALSE(loop_.is_watched(client.get(), Interest::read));
}

TEST_F(SockTest, ACancelledWaitIsUnregisteredAndLosesNothing) {  // SOCK-04, SOCK-05
  auto task = loop_.create_task(receive());
  turn(2);
  send_text(theirs_, "kept");
  task.cancel();
  turn(2);
  EXPECT_TRUE(task.cancelled());
  EXPECT_FALSE(loop_.is_watched(mine_.get(), Interest::read));
  EXPECT_EQ(run(receive()), "kept");
}

TEST_F(SockTest, TheNextOperationMayBeginInTheStepThatCancels) {  // SOCK-04, SOCK-06
  const auto race = [this]() -> Coro<std::string> {
    auto first = loop_.create_task(receive());
    co_await sleep(Duration::zero());
    first.cancel();
    auto second = loop_.create_task(receive());
    const auto third = co_await receive();
    EXPECT_TRUE(first.cancelled());
    co_return third + "|" + describe((co_await settled(second)).error());
  };
  auto task = loop_.create_task(race());
  turn(3);
  send_text(theirs_, "data");
  turn_until([&] { return task.done(); });
  // The waiting one gets it; the one that came while it waited is refused (SOCK-06).
  EXPECT_THAT(task.result(), testing::StartsWith("data|evloop::LoopError: File descriptor"));
}

TEST_F(SockTest, ASecondWaitInTheSameDirectionIsRefused) {  // SOCK-06
  auto first = loop_.create_task(receive());
  turn();
  auto second = loop_.create_task(receive());
  turn(2);
  EXPECT_TRUE(holds<LoopError>(second.exception()));
  send_text(theirs_, "data");
  turn(3);
  EXPECT_EQ(first.result(), "data");
}

TEST_F(SockTest, AnswersNothingAtTheEndAndAtMostWhatIsAskedFor) {  // SOCK-07
  send_text(theirs_, "data");
  EXPECT_EQ(run(receive(2)), "da");
  EXPECT_EQ(run(receive(1'000'000)), "ta");
  theirs_.reset();
  EXPECT_EQ(run(receive()), "");
}

TEST_F(SockTest, ReceivesIntoABuffer) {
  std::array<std::byte, 3> buffer{};
  send_text(theirs_, "data");
  EXPECT_EQ(run(sock_recv_into(loop_, mine_.get(), buffer)), 3u);
  EXPECT_EQ(text(buffer), "dat");
}

TEST_F(SockTest, SendsAllHoweverOftenItMustWait) {  // SOCK-09
  const std::string data(3'000'000, 'x');
  auto task = loop_.create_task(sock_sendall(loop_, mine_.get(), bytes(data)));
  std::size_t received = 0;
  turn_until([&] {
    received += receive_text(theirs_).size();
    return task.done() && received == data.size();
  });
  EXPECT_NO_THROW(task.result());
  run(sock_sendall(loop_, mine_.get(), {}));
}

TEST_F(SockTest, APeerThatIsGoneIsAnErrorAndNoSignal) {  // SOCK-09
  theirs_.reset();
  auto task = loop_.create_task(sock_sendall(loop_, mine_.get(), bytes("x")));
  turn(2);
  EXPECT_TRUE(is_connection_error(task.exception()));
}

TEST_F(SockTest, ConnectsAndAcceptsAndTellsWhoRefused) {  // SOCK-12, SOCK-13
  const auto body = [](EventLoop& loop) -> Coro<void> {
    auto listener = listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
    const auto address = SocketAddress::local(listener.get());
    auto accepting = loop.create_task(sock_accept(loop, listener.get()));
    const auto client = open_stream_socket(AF_INET);
    co_await sock_connect(loop, client.get(), address);
    const auto accepted = co_await accepting;
    EXPECT_EQ(accepted.address, SocketAddress::local(client.get()));
    co_await sock_sendall(loop, accepted.fd.get(), bytes("hello"));
    EXPECT_EQ(co_await sock_recv(loop, client.get(), 10), "hello");

    listener.reset();
    const auto refused = open_stream_socket(AF_INET);
    const auto outcome = co_await settled(sock_connect(loop, refused.get(), address));
    EXPECT_THAT(describe(outcome.error()),
                HasSubstr("Connect call failed " + address.to_string() + ": Connection refused"));
    EXPECT_TRUE(is_connection_error(outcome.error()));
  };
  run(body(loop_));
}

TEST_F(SockTest, ACancelledAcceptLosesNoConnection) {  // SOCK-05, SOCK-13
  const auto listener = listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
  auto accepting = loop_.create_task(sock_accept(loop_, listener.get()));
  turn(2);
  accepting.cancel();
  const auto client = open_stream_socket(AF_INET);
  run(sock_connect(loop_, client.get(), SocketAddress::local(listener.get())));
  EXPECT_TRUE(accepting.cancelled());
  EXPECT_EQ(run(sock_accept(loop_, listener.get())).address, SocketAddress::local(client.get()));
}

}  // namespace
}  // namespace evloop
