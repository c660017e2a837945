#include "net/sock.h"

#include "aio/settled.h"
#include "aio/sleep.h"
#include "net/fixed_resolver.h"
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

TEST_F(SockTest, ABlockingSocketIsRefusedInDebugMode) {  // SOCK-01
  const UniqueFd blocking(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::array<std::byte, 3> buffer{};
  const auto error_of = [&](auto operation) -> std::string {
    try {
      static_cast<void>(run(std::move(operation)));
    } catch (const ValueError& error) {
      return error.what();
    }
    return "no ValueError";
  };
  loop_.set_debug(true);
  const std::string refused = "the socket must be non-blocking";
  EXPECT_EQ(error_of(sock_recv(loop_, blocking.get(), 1)), refused);
  EXPECT_EQ(error_of(sock_recv_into(loop_, blocking.get(), buffer)), refused);
  EXPECT_EQ(error_of(sock_recvfrom(loop_, blocking.get(), 1)), refused);
  EXPECT_EQ(error_of(sock_recvfrom_into(loop_, blocking.get(), buffer)), refused);
  EXPECT_EQ(error_of(sock_sendto(loop_, blocking.get(), buffer, SocketAddress::unix_path("/nowhere"))), refused);
  EXPECT_EQ(error_of(sock_accept(loop_, blocking.get())), refused);
  EXPECT_THROW(run(sock_sendall(loop_, blocking.get(), buffer)), ValueError);
  EXPECT_THROW(run(sock_connect(loop_, blocking.get(), SocketAddress::unix_path("/nowhere"))), ValueError);
}

class SockDatagramTest : public NetTest {
 protected:
  static UniqueFd udp_socket() {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bind_socket(fd.get(), SocketAddress::parse("127.0.0.1:0"));
    return fd;
  }
  std::size_t send(std::string_view data) {
    return run(sock_sendto(loop_, theirs_.get(), bytes(data), SocketAddress::local(mine_.get())));
  }

  const UniqueFd mine_ = udp_socket();
  const UniqueFd theirs_ = udp_socket();
  const SocketAddress sender_ = SocketAddress::local(theirs_.get());
};

TEST_F(SockDatagramTest, SendsADatagramAndAnswersItsSize) {  // SOCK-02, SOCK-10
  EXPECT_EQ(send("four"), 4u);
  EXPECT_EQ(send(""), 0u);
  auto received = run(sock_recvfrom(loop_, mine_.get(), 100));
  EXPECT_EQ(received.data, "four");
  EXPECT_EQ(received.address, sender_);
  received = run(sock_recvfrom(loop_, mine_.get(), 1'000'000));
  EXPECT_TRUE(received.data.empty());
}

TEST_F(SockDatagramTest, WaitsForADatagram) {  // SOCK-03
  auto task = loop_.create_task(sock_recvfrom(loop_, mine_.get(), 100));
  turn(3);
  EXPECT_FALSE(task.done());
  send("data");
  turn_until([&] { return task.done(); });
  EXPECT_EQ(task.result().data, "data");
  EXPECT_EQ(task.result().address, sender_);
}

TEST_F(SockDatagramTest, ReceivesIntoABufferWholeOrInPart) {  // SOCK-08
  std::array<std::byte, 6> buffer{};
  send("abcdef");
  const auto whole = run(sock_recvfrom_into(loop_, mine_.get(), buffer));
  EXPECT_EQ(whole.count, 6u);
  EXPECT_EQ(whole.address, sender_);
  EXPECT_EQ(text(buffer), "abcdef");
  send("ghijkl");
  EXPECT_EQ(run(sock_recvfrom_into(loop_, mine_.get(), buffer, 2)).count, 2u);
  EXPECT_EQ(text(buffer), "ghcdef");
  try {
    run(sock_recvfrom_into(loop_, mine_.get(), buffer, 7));
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "nbytes is greater than the length of the buffer");
  }
}

TEST_F(SockTest, ConnectsByName) {  // SOCK-11
  const auto listener = listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
  const auto address = SocketAddress::local(listener.get());
  FixedResolver resolver({address, SocketAddress::parse("127.0.0.1:1")});
  const auto client = open_stream_socket(AF_INET);
  run(sock_connect(loop_, client.get(), "name.example", 80, &resolver));
  EXPECT_EQ(SocketAddress::peer(client.get()), address);
  EXPECT_EQ(resolver.last_hints.family, AF_INET);
  EXPECT_EQ(resolver.last_hints.type, SOCK_STREAM);
  EXPECT_EQ(resolver.last_hints.proto, IPPROTO_TCP);
  const auto other = open_stream_socket(AF_INET);
  run(sock_connect(loop_, other.get(), "127.0.0.1", address.port(), &resolver));
  EXPECT_EQ(resolver.asked.size(), 1u);  // a numeric address needs no lookup
  FixedResolver nothing;
  EXPECT_THROW(run(sock_connect(loop_, other.get(), "name.example", 80, &nothing)), std::system_error);
}

TEST_F(SockTest, ConnectsToAUnixPath) {  // SOCK-11
  const auto name = SocketAddress::unix_path(std::string("\0evloop-sock-", 13) + std::to_string(::getpid()));
  const auto listener = listen_stream_socket(name);
  const auto client = open_stream_socket(AF_UNIX);
  run(sock_connect(loop_, client.get(), name));
  const auto accepted = run(sock_accept(loop_, listener.get()));
  EXPECT_TRUE(is_non_blocking(accepted.fd.get()));
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
