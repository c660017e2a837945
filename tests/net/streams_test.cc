#include "net/streams.h"

#include <filesystem>

#include "aio/gather.h"
#include "aio/sleep.h"
#include "aio/timeout.h"
#include "net/net_test.h"
#include "net/os_error.h"
#include "net/sock.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Coro<void> echo_lines(StreamReader& reader, StreamWriter& writer) {
  while (true) {
    const auto line = co_await reader.readline();
    if (line.empty()) break;
    writer.write(line);
    co_await writer.drain();
  }
  writer.close();
}

class StreamsTest : public NetTest {
 protected:
  // A stream over one end of a socket pair; `peer_` is the other end.
  Stream open(std::size_t limit = default_stream_limit) {
    auto [mine, theirs] = socket_pair();
    peer_ = std::move(theirs);
    return run(open_connection(std::move(mine), limit));
  }
  static SocketAddress address(const Server& server) { return server.sockets().at(0).address; }

  // What `client` does to one connection that `peer_` is the other end of.
  template <class F>
  Server serve(F client) {
    auto server = run(start_server(std::move(client), SocketAddress::parse("127.0.0.1:0")));
    peer_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto where = address(server);
    if (::connect(peer_.get(), where.data(), where.length()) != 0) ADD_FAILURE() << errno;
    return server;
  }
  void end_peer() {
    turn_until([&] { return at_end(peer_); });
  }

  UniqueFd peer_;
};

TEST_F(StreamsTest, ServesACoroutinePerClient) {  // STREAM-01
  const auto body = []() -> Coro<std::string> {
    auto server = co_await start_server(echo_lines, "127.0.0.1", 0);
    const auto [reader, writer] = co_await open_connection("127.0.0.1", address(server).port());
    std::string answers;
    for (const auto* line : {"one\n", "two\n"}) {
      writer->write(line);
      co_await writer->drain();
      answers += (co_await reader->readline()).view();
    }
    writer->write_eof();
    answers += (co_await reader->read()).view();
    writer->close();
    co_await writer->wait_closed();
    server.close();
    co_await server.wait_closed();
    co_return answers;
  };
  EXPECT_EQ(run(body()), "one\ntwo\n");
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(StreamsTest, ServesUnixClientsAlike) {  // STREAM-01
  std::string folder = "/tmp/evloop-streams-XXXXXX";
  ASSERT_TRUE(::mkdtemp(folder.data()));
  const auto body = [](std::string path) -> Coro<std::string> {
    auto server = co_await start_unix_server(echo_lines, path);
    const auto [reader, writer] = co_await open_unix_connection(path);
    writer->write("line\n");
    const auto answer = co_await reader->readline();
    writer->close();
    server.close();
    co_await server.wait_closed();
    co_return answer.str();
  };
  EXPECT_EQ(run(body(folder + "/socket")), "line\n");
  std::filesystem::remove_all(folder);
}

TEST_F(StreamsTest, ServesAndConnectsUnixSocketsThatArePassedIn) {  // STREAM-01
  const auto body = []() -> Coro<std::string> {
    auto bound = open_stream_socket(AF_UNIX);
    const auto name = SocketAddress::unix_path(std::string("\0evloop-streams-", 16) + std::to_string(::getpid()));
    bind_socket(bound.get(), name);
    auto server = co_await start_unix_server(echo_lines, std::move(bound));
    auto connected = open_stream_socket(AF_UNIX);
    co_await sock_connect(get_running_loop(), connected.get(), name);
    const auto [reader, writer] = co_await open_unix_connection(std::move(connected));
    writer->write("line\n");
    const auto answer = co_await reader->readline();
    writer->close();
    server.close();
    co_await server.wait_closed();
    co_return answer.str();
  };
  EXPECT_EQ(run(body()), "line\n");
  auto [tcp, other] = tcp_pair();
  EXPECT_THROW(run(open_unix_connection(std::move(tcp))), ValueError);
}

TEST_F(StreamsTest, AWriterOutlivesItsConnectionAndReader) {
  Ref<StreamWriter> kept;
  auto server = serve([&](StreamReader&, StreamWriter& writer) {
    kept = Ref(&writer);
    writer.close();
  });
  turn_until([&] { return static_cast<bool>(kept); });
  run(kept->wait_closed());
  turn();
  EXPECT_TRUE(kept->is_closing());
  EXPECT_EQ(kept->fd(), -1);
}

TEST_F(StreamsTest, AStreamHasOneWriterAtATime) {
  auto [mine, theirs] = tcp_pair();
  const Ref protocol(new StreamReaderProtocol(loop_));
  const Ref<Transport> transport(SocketTransport::create(loop_, std::move(mine), protocol));
  turn();
  auto writer = protocol->make_writer(transport);
  EXPECT_THROW(static_cast<void>(protocol->make_writer(transport)), LoopError);
  writer->close();
  writer = nullptr;
  turn();
  EXPECT_NO_THROW(static_cast<void>(protocol->make_writer(transport)));
}

TEST_F(StreamsTest, APlainFunctionIsCalledInConnectionMade) {  // STREAM-01
  Ref<StreamReader> kept_reader;
  Ref<StreamWriter> kept_writer;
  const auto server = serve([&](StreamReader& reader, StreamWriter& writer) {
    kept_reader = Ref(&reader);
    kept_writer = Ref(&writer);
  });
  turn_until([&] { return static_cast<bool>(kept_writer); });
  EXPECT_THAT(loop_.all_tasks(), IsEmpty());
  kept_writer->write("plain");
  EXPECT_EQ(receive_text(peer_), "plain");
  kept_writer->close();
  turn();
}

TEST_F(StreamsTest, AnExceptionOfTheCoroutineIsReportedAndCloses) {  // STREAM-02
  const auto server = serve([](StreamReader&, StreamWriter&) -> Coro<void> {
    co_await yield();
    throw ValueError("bad client");
  });
  end_peer();
  EXPECT_THAT(reports_, ElementsAre("Unhandled exception in client_connected_cb"));
  EXPECT_THAT(last_report_.keys(), ElementsAre("exception", "message", "transport"));
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(StreamsTest, AnExceptionOfAPlainFunctionIsReportedAndCloses) {  // STREAM-02
  const auto server = serve([](StreamReader&, StreamWriter&) { throw ValueError("bad client"); });
  end_peer();
  EXPECT_THAT(reports_, ElementsAre("Unhandled exception in client_connected_cb"));
}

TEST_F(StreamsTest, ACancelledClientJustCloses) {  // STREAM-02
  const auto server = serve([](StreamReader&, StreamWriter&) -> Coro<void> {
    current_task()->request_cancel(std::nullopt);
    co_await sleep(1h);
  });
  end_peer();
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(StreamsTest, TheLimitIsCheckedBeforeConnecting) {  // STREAM-03
  EXPECT_THROW(run(open_connection("127.0.0.1", 1, 0)), ValueError);
  EXPECT_THROW(run(start_server_with_limit(0, echo_lines, "127.0.0.1", 0)), ValueError);
}

TEST_F(StreamsTest, AClientThatDoesNotReadMakesTheOtherSideWait) {  // STREAM-04
  const auto [reader, writer] = open(1000);
  const std::string data(100'000, 'x');
  std::size_t sent = 0;
  const auto send_some = [&] {
    const auto now = ::send(peer_.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (now > 0) sent += static_cast<std::size_t>(now);
    return now > 0;
  };
  turn_until([&] {
    send_some();
    return !writer->transport().is_reading();
  });
  while (send_some()) {
  }
  turn(3);
  EXPECT_FALSE(send_some());
  peer_.reset();
  EXPECT_EQ(run(reader->read()).size(), sent);
  writer->close();
}

TEST_F(StreamsTest, ATimedOutReadLosesNothing) {  // STREAM-13
  const auto [reader, writer] = open();
  const auto body = [](StreamReader& from) -> Coro<void> { co_await wait_for(from.readline(), 1ms); };
  send_text(peer_, "half a ");
  EXPECT_THROW(run(body(*reader)), TimeoutError);
  send_text(peer_, "line\n");
  EXPECT_EQ(run(reader->readline()), "half a line\n");
  writer->close();
}

TEST_F(StreamsTest, DrainWaitsWhilePausedAndReleasesAll) {  // STREAM-14
  const auto [reader, writer] = open();
  auto drained = loop_.create_task(writer->drain());
  turn();
  EXPECT_TRUE(drained.done());  // nothing to wait for
  writer->write(std::string(1'000'000, 'x'));
  std::vector<Task<void>> drains;
  for (int i = 0; i < 3; ++i) drains.push_back(loop_.create_task(writer->drain()));
  turn(3);
  EXPECT_FALSE(drains[0].done());
  drains[1].cancel();
  turn(2);
  EXPECT_TRUE(drains[1].cancelled());
  turn_until([&] {
    receive_text(peer_);
    return drains[0].done() && drains[2].done();
  });
  writer->close();
}

TEST_F(StreamsTest, AWriteAndDrainLoopEndsWithADeadPeer) {  // STREAM-15
  const auto [reader, writer] = open();
  const auto body = [](StreamWriter& to) -> Coro<void> {
    for (;;) {
      to.write("data");
      co_await to.drain();
    }
  };
  peer_.reset();
  try {
    run(body(*writer));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_TRUE(error.code() == std::errc::broken_pipe || error.code() == std::errc::connection_reset);
  }
}

TEST_F(StreamsTest, DrainOnAClosingStreamTellsThatTheConnectionIsLost) {  // STREAM-15
  const auto [reader, writer] = open();
  writer->close();
  try {
    run(writer->drain());
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(), "Connection lost");
    EXPECT_EQ(error.code(), std::errc::connection_reset);
  }
}

TEST_F(StreamsTest, DrainThrowsTheReadersError) {  // STREAM-15
  const auto [reader, writer] = open();
  reader->set_exception(std::make_exception_ptr(ValueError("broken")));
  EXPECT_THROW(run(writer->drain()), ValueError);
  writer->close();
}

TEST_F(StreamsTest, AConnectionLostWhileDrainWaits) {  // STREAM-16
  for (const bool error : {false, true}) {
    const auto [reader, writer] = open();
    writer->write(std::string(1'000'000, 'x'));
    auto drain = loop_.create_task(writer->drain());
    turn(2);
    ASSERT_FALSE(drain.done());
    if (error) {
      peer_.reset();
    } else {
      writer->transport().abort();
    }
    turn_until([&] { return drain.done(); });
    EXPECT_EQ(is_connection_error(drain.exception()), error);
  }
}

TEST_F(StreamsTest, WaitClosedWaitsForTheEndAndThrowsItsError) {  // STREAM-17
  const auto [reader, writer] = open();
  auto closed = loop_.create_task(writer->wait_closed());
  turn(2);
  EXPECT_FALSE(closed.done());
  writer->close();
  turn(3);
  EXPECT_NO_THROW(closed.result());
  run(writer->wait_closed());

  const auto [other_reader, other_writer] = open();
  auto failed = loop_.create_task(other_writer->wait_closed());
  turn();
  peer_.reset();
  other_writer->write("x");
  turn_until([&] { return failed.done(); });
  EXPECT_TRUE(is_connection_error(failed.exception()));
  EXPECT_THROW(run(other_writer->wait_closed()), std::system_error);
  EXPECT_THROW(run(other_reader->read(1)), std::system_error);
}

TEST_F(StreamsTest, ACancelledWaitDoesNotDisturbTheOthers) {  // STREAM-17
  const auto [reader, writer] = open();
  auto one = loop_.create_task(writer->wait_closed());
  auto other = loop_.create_task(writer->wait_closed());
  turn();
  one.cancel();
  turn(2);
  writer->close();
  turn(3);
  EXPECT_TRUE(one.cancelled());
  EXPECT_NO_THROW(other.result());
}

TEST_F(StreamsTest, AtTheEndOfDataTheStreamStaysOpenForWriting) {  // STREAM-18
  const auto [reader, writer] = open();
  ::shutdown(peer_.get(), SHUT_WR);
  EXPECT_EQ(run(reader->read()), "");
  EXPECT_FALSE(writer->is_closing());
  writer->write("answer");
  EXPECT_EQ(receive_text(peer_), "answer");
  writer->close();
}

TEST_F(StreamsTest, AWriterThatNobodyClosedIsClosedWithAWarning) {  // STREAM-20
  {
    const auto stream = open();
    turn();
  }
  turn();
  EXPECT_TRUE(at_end(peer_));
  ASSERT_EQ(log().size(), 1u);
  EXPECT_THAT(log()[0], HasSubstr("unclosed <StreamWriter transport=<SocketTransport fd="));
}

TEST_F(StreamsTest, AfterTheLoopClosedItOnlyWarns) {  // STREAM-20
  {
    const auto stream = open();
    loop_.close();
    ASSERT_EQ(log().size(), 1u);
    EXPECT_THAT(log()[0], HasSubstr("unclosed transport"));
  }
  EXPECT_EQ(log().back(), "loop is closed");
}

TEST_F(StreamsTest, AReaderOutlivesItsConnection) {
  auto stream = open();
  const auto reader = stream.reader;
  send_text(peer_, "last words");
  turn();
  stream.writer->close();
  stream = {};
  turn();
  EXPECT_EQ(run(reader->read()), "last words");
}

TEST_F(StreamsTest, ATaskThatIsPendingWhenTheLoopGoesIsUnwound) {
  auto server = run(
      start_server([](StreamReader& reader, StreamWriter&) -> Coro<void> { co_await reader.read(1); }, "127.0.0.1", 0));
  const auto where = address(server);
  peer_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(peer_.get(), where.data(), where.length()), 0);
  turn_until([&] { return !loop_.all_tasks().empty(); });
  turn();
  loop_.close();
  EXPECT_TRUE(at_end(peer_));
}

TEST_F(StreamsTest, ManyClientsAtATimeGetTheirOwnAnswers) {
  const auto client = [](std::uint16_t port, int number) -> Coro<bool> {
    const auto [reader, writer] = co_await open_connection("127.0.0.1", port);
    const auto line = "client " + std::to_string(number) + "\n";
    bool right = true;
    for (int i = 0; i < 3; ++i) {
      writer->write(line);
      co_await writer->drain();
      right = right && co_await reader->readline() == line;
    }
    writer->close();
    co_await writer->wait_closed();
    co_return right;
  };
  const auto body = [&]() -> Coro<std::ptrdiff_t> {
    auto server = co_await start_server(echo_lines, "127.0.0.1", 0, ServerOptions{.backlog = 1000});
    std::vector<Coro<bool>> clients;
    for (int i = 0; i < 300; ++i) clients.push_back(client(address(server).port(), i));
    const auto right = co_await gather(std::move(clients));
    server.close();
    co_await server.wait_closed();
    co_return std::ranges::count(right, true);
  };
  EXPECT_EQ(run(body()), 300);
}

}  // namespace
}  // namespace evloop
