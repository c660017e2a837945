#include "net/read_pipe_transport.h"

#include <functional>
#include <string>

#include "net/pipe_test.h"
#include "net/pipes.h"
#include "net/recorder.h"
#include "net/stream_protocol.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReadPipeTransportTest : public NetTest {
 protected:
  ReadPipeTransportTest() { std::tie(read_, write_) = make_pipe(); }

  Ref<Transport> connect() { return connect(std::move(read_)); }
  Ref<Transport> connect(UniqueFd fd) { return run(connect_read_pipe(loop_, factory_, std::move(fd))).transport; }

  UniqueFd read_;
  UniqueFd write_;
  Ref<Recorder> protocol_{new Recorder};
  const std::function<Ref<Recorder>()> factory_ = [this] { return protocol_; };
};

TEST_F(ReadPipeTransportTest, TakesPipesSocketsAndCharacterDevices) {  // PIPE-01
  connect()->close();
  connect(std::move(socket_pair().first))->close();
  auto [driver, terminal] = make_terminal();
  connect(std::move(driver))->close();
}

TEST_F(ReadPipeTransportTest, RefusesAFileAndLeavesItOpen) {  // PIPE-01
  auto file = open_regular_file();
  const auto body = [&]() -> Coro<void> { co_await connect_read_pipe(loop_, factory_, std::move(file)); };
  try {
    run(body());
    ADD_FAILURE() << "took it";
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "Pipe transport is for pipes/sockets only.");
  }
  EXPECT_TRUE(file && is_open(file.get()));
  EXPECT_THAT(protocol_->calls, IsEmpty());
}

TEST_F(ReadPipeTransportTest, ThePipeBelongsToTheTransport) {  // PIPE-01, FD-06
  const int fd = read_.get();
  const auto transport = connect();
  EXPECT_FALSE(read_);
  EXPECT_EQ(transport->fd(), fd);
  EXPECT_THROW(loop_.add_reader(fd, [] {}), LoopError);
  transport->close();
  turn();
  EXPECT_FALSE(is_open(fd));
  EXPECT_EQ(transport->fd(), -1);
}

TEST_F(ReadPipeTransportTest, ConnectionMadeComesFirstThenReadingThenTheWaiter) {  // PIPE-02
  write_text(write_, "early");
  ASSERT_EQ(::fcntl(read_.get(), F_GETFL) & O_NONBLOCK, 0);
  const auto waiter = loop_.create_future();
  const auto transport = ReadPipeTransport::create(loop_, std::move(read_), protocol_, waiter);
  EXPECT_NE(::fcntl(transport->fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_THAT(protocol_->calls, IsEmpty());
  turn();
  EXPECT_THAT(protocol_->calls, ElementsAre("made"));
  EXPECT_TRUE(waiter.done());
  turn();
  EXPECT_EQ(protocol_->data, "early");
}

TEST_F(ReadPipeTransportTest, PausingInsideConnectionMadeKeepsReadingFromStarting) {  // PIPE-02
  protocol_->on_made = [](Recorder& self) { self.transport->pause_reading(); };
  write_text(write_, "early");
  const auto transport = connect();
  turn(2);
  EXPECT_EQ(protocol_->data, "");
  EXPECT_FALSE(transport->is_reading());
  transport->resume_reading();
  turn_until([&] { return !protocol_->data.empty(); });
}

TEST_F(ReadPipeTransportTest, ReadsAtMostAQuarterOfAMebibyteInATurn) {  // PIPE-03
  if (::fcntl(write_.get(), F_SETPIPE_SZ, 1024 * 1024) < 0) GTEST_SKIP() << "no pipe of that size";
  write_text(write_, std::string(600 * 1024, 'x'));
  std::size_t largest = 0;
  std::size_t before = 0;
  protocol_->on_data = [&](Recorder& self) {
    largest = std::max(largest, self.data.size() - before);
    before = self.data.size();
  };
  connect();
  turn_until([&] { return protocol_->data.size() == 600 * 1024; });
  EXPECT_EQ(largest, 256u * 1024);
}

TEST_F(ReadPipeTransportTest, AtTheEndOfDataEofAndLostFollowWhateverEofAnswers) {  // PIPE-03
  protocol_->keep_open = true;
  const auto transport = connect();
  write_text(write_, "last");
  write_.reset();
  turn_until([&] { return transport->is_closing(); });
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data"));  // both are queued
  turn();
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data", "eof", "lost"));
  EXPECT_EQ(protocol_->error, nullptr);
}

TEST_F(ReadPipeTransportTest, ATerminalThatIsClosedIsNoError) {  // PIPE-04
  auto [driver, terminal] = make_terminal();
  connect(std::move(driver));
  terminal.reset();
  turn_until([&] { return protocol_->lost; });
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_EQ(errno_of(protocol_->error), EIO);
}

TEST_F(ReadPipeTransportTest, AReadErrorIsReportedAndEndsIt) {  // PIPE-04
  auto [mine, theirs] = tcp_pair();
  connect(std::move(mine));
  reset(theirs);
  turn_until([&] { return protocol_->lost; });
  EXPECT_THAT(reports_, ElementsAre("Fatal read error on pipe transport"));
  EXPECT_EQ(errno_of(protocol_->error), ECONNRESET);
}

TEST_F(ReadPipeTransportTest, AnExceptionOfTheProtocolIsOnlyReported) {
  protocol_->on_data = [](Recorder&) { throw ValueError("data"); };
  const auto transport = connect();
  write_text(write_, "x");
  turn_until([&] { return !reports_.empty(); });
  EXPECT_FALSE(transport->is_closing());
  transport->close();
  turn();
}

TEST_F(ReadPipeTransportTest, CloseComesOnceAndClosesThePipeAlsoIfConnectionLostThrows) {  // PIPE-09
  const auto transport = connect();
  const int fd = transport->fd();
  protocol_->on_lost = [&](Recorder&) {
    EXPECT_TRUE(is_open(fd));
    throw ValueError("lost");
  };
  transport->close();
  transport->close();
  transport->abort();
  EXPECT_TRUE(transport->is_closing());
  turn(2);
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "lost"));
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_FALSE(is_open(fd));
  transport->close();  // without effect
}

TEST_F(ReadPipeTransportTest, HasNoWritingSide) {
  const auto transport = connect();
  EXPECT_FALSE(transport->can_write_eof());
  EXPECT_THROW(transport->write("x"), LoopError);
  EXPECT_THROW(transport->write_eof(), LoopError);
  transport->close();
  turn();
}

TEST_F(ReadPipeTransportTest, AnotherProtocolTakesEffectAtTheNextEvent) {
  const auto transport = connect();
  const Ref<Recorder> other(new Recorder);
  transport->set_protocol(other);
  write_text(write_, "for the other");
  turn_until([&] { return other->data == "for the other"; });
  transport->close();
  turn();
  EXPECT_TRUE(other->lost);
}

TEST_F(ReadPipeTransportTest, FeedsAStreamReader) {
  const Ref protocol(new StreamReaderProtocol(loop_));
  const auto body = [&]() -> Coro<std::string> {
    auto& reader = protocol->reader();
    co_await connect_read_pipe(loop_, [&] { return protocol; }, std::move(read_));
    write_text(write_, "a line\nand more");
    write_.reset();
    co_return (co_await reader.readline()).str() + (co_await reader.read()).str();
  };
  EXPECT_EQ(run(body()), "a line\nand more");
  turn();
}

TEST_F(ReadPipeTransportTest, ACancelledConnectClosesThePipe) {
  const int fd = read_.get();
  const auto task = loop_.create_task(connect_read_pipe(loop_, factory_, std::move(read_)));
  turn();
  task.cancel();
  turn_until([&] { return task.done(); });
  EXPECT_TRUE(task.cancelled());
  turn();
  EXPECT_FALSE(is_open(fd));
}

TEST_F(ReadPipeTransportTest, OneLeftWhenTheLoopIsClosedIsClosedWithAWarning) {
  const auto transport = connect();
  const int fd = transport->fd();
  loop_.close();
  EXPECT_FALSE(is_open(fd));
  EXPECT_THAT(log(), ElementsAre(testing::StartsWith("unclosed transport <ReadPipeTransport")));
  EXPECT_FALSE(protocol_->lost);
  transport->close();  // without effect
  transport->pause_reading();
  EXPECT_EQ(transport->describe(), "<ReadPipeTransport closed>");
}

}  // namespace
}  // namespace evloop
