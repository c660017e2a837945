#include "net/write_pipe_transport.h"

#include <signal.h>

#include <functional>
#include <string>

#include "net/pipe_test.h"
#include "net/pipes.h"
#include "net/recorder.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WritePipeTransportTest : public NetTest {
 protected:
  WritePipeTransportTest() { std::tie(read_, write_) = make_pipe(); }

  Ref<Transport> connect() { return connect(std::move(write_)); }
  Ref<Transport> connect(UniqueFd fd) { return run(connect_write_pipe(loop_, factory_, std::move(fd))).transport; }
  // Fills the pipe, and the buffer with `more` bytes.
  std::size_t fill(Transport& transport, std::size_t more) {
    const std::string block(4096, 'x');
    std::size_t written = 0;
    for (; transport.get_write_buffer_size() == 0; written += block.size()) transport.write(block);
    const auto rest = more - transport.get_write_buffer_size();
    transport.write(std::string(rest, 'x'));
    return written + rest;
  }

  UniqueFd read_;
  UniqueFd write_;
  Ref<Recorder> protocol_{new Recorder};
  const std::function<Ref<Recorder>()> factory_ = [this] { return protocol_; };
};

TEST_F(WritePipeTransportTest, TakesPipesSocketsAndCharacterDevices) {  // PIPE-01
  connect()->close();
  connect(std::move(socket_pair().first))->close();
  const auto null = connect(UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC)));
  null->write("gone");
  EXPECT_EQ(null->get_write_buffer_size(), 0u);
  null->close();
}

TEST_F(WritePipeTransportTest, RefusesAFileAndLeavesItOpen) {  // PIPE-01
  auto file = open_regular_file();
  const auto body = [&]() -> Coro<void> { co_await connect_write_pipe(loop_, factory_, std::move(file)); };
  try {
    run(body());
    ADD_FAILURE() << "took it";
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "Pipe transport is only for pipes, sockets and character devices");
  }
  EXPECT_TRUE(file && is_open(file.get()));
}

TEST_F(WritePipeTransportTest, WritesAtOnceAndWithoutSigpipe) {  // PIPE-02, PIPE-05
  const auto transport = connect();
  EXPECT_NE(::fcntl(transport->fd(), F_GETFL) & O_NONBLOCK, 0);
  transport->write("now");
  EXPECT_EQ(read_text(read_), "now");
  const std::array<std::span<const std::byte>, 3> chunks{bytes("a"), bytes(""), bytes("b")};
  transport->writelines(chunks);
  EXPECT_EQ(read_text(read_), "ab");
  EXPECT_FALSE(transport->is_reading());
  transport->close();
}

TEST_F(WritePipeTransportTest, WhatThePipeDoesNotTakeIsFlushedLaterInOrder) {  // PIPE-05
  const auto transport = connect();
  const auto filled = fill(*transport, 100'000);
  transport->write("end");
  std::string all;
  turn_until([&] {
    all += read_text(read_);
    return transport->get_write_buffer_size() == 0;
  });
  all += read_text(read_);
  EXPECT_EQ(all, std::string(filled, 'x') + "end");
  transport->close();
}

TEST_F(WritePipeTransportTest, PausesAndResumesItsProtocol) {  // PIPE-05
  const auto transport = connect();
  transport->set_write_buffer_limits(5000, 100);
  fill(*transport, 5000);
  EXPECT_THAT(protocol_->calls, ElementsAre("made"));
  transport->write("x");
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "pause"));
  turn_until([&] {
    read_text(read_);
    return transport->get_write_buffer_size() == 0;
  });
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "pause", "resume"));
  transport->close();
}

TEST_F(WritePipeTransportTest, WriteEofIsClose) {  // PIPE-06
  const auto transport = connect();
  EXPECT_TRUE(transport->can_write_eof());
  const auto filled = fill(*transport, 5000);
  transport->write_eof();
  transport->write_eof();
  EXPECT_TRUE(transport->is_closing());
  transport->write("too late");
  std::string all;
  turn_until([&] {
    all += read_text(read_);
    return protocol_->lost;
  });
  all += read_text(read_);
  EXPECT_EQ(all.size(), filled);
  EXPECT_EQ(protocol_->error, nullptr);
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "lost"));
}

TEST_F(WritePipeTransportTest, ClosedWithNothingToWriteItIsLostInALaterCallback) {  // PIPE-06
  const auto transport = connect();
  transport->close();
  EXPECT_FALSE(protocol_->lost);
  turn();
  EXPECT_TRUE(protocol_->lost);
  EXPECT_EQ(protocol_->error, nullptr);
}

TEST_F(WritePipeTransportTest, FromTheFifthWriteToAClosedPipeOnEachIsLogged) {  // PIPE-07
  const auto transport = connect();
  transport->close();
  for (int i = 0; i < 4; ++i) transport->write("x");
  EXPECT_THAT(log(), IsEmpty());
  for (int i = 0; i < 2; ++i) transport->write("x");
  EXPECT_EQ(log(), std::vector<std::string>(2, "pipe closed by peer or os.write(pipe, data) raised exception."));
}

TEST_F(WritePipeTransportTest, ThatNobodyReadsIsNoticedWithoutAWrite) {  // PIPE-08
  connect();
  read_.reset();
  turn_until([&] { return protocol_->lost; });
  EXPECT_EQ(protocol_->error, nullptr);
}

TEST_F(WritePipeTransportTest, ThatNobodyReadsASocketIsNoticedWithoutAWrite) {  // PIPE-08
  auto [mine, theirs] = socket_pair();
  connect(std::move(mine));
  theirs.reset();
  turn_until([&] { return protocol_->lost; });
  EXPECT_EQ(protocol_->error, nullptr);
}

TEST_F(WritePipeTransportTest, ThatNobodyReadsWhatIsBufferedIsABrokenPipe) {  // PIPE-08
  const auto transport = connect();
  fill(*transport, 5000);
  read_.reset();
  turn_until([&] { return protocol_->lost; });
  EXPECT_EQ(errno_of(protocol_->error), EPIPE);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(WritePipeTransportTest, AWriteErrorIsNotReportedAndEndsIt) {  // PIPE-04
  const auto transport = connect();
  read_.reset();
  transport->write("x");
  EXPECT_TRUE(transport->is_closing());
  EXPECT_FALSE(protocol_->lost);
  turn(2);
  EXPECT_EQ(errno_of(protocol_->error), EPIPE);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "lost"));
}

TEST_F(WritePipeTransportTest, AbortDropsTheBufferAlsoAfterClose) {  // PIPE-09
  const auto transport = connect();
  const int fd = transport->fd();
  fill(*transport, 5000);
  transport->close();
  transport->abort();
  transport->abort();
  EXPECT_EQ(transport->get_write_buffer_size(), 0u);
  protocol_->on_lost = [&](Recorder&) {
    EXPECT_TRUE(is_open(fd));
    throw ValueError("lost");
  };
  turn(2);
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "lost"));
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_FALSE(is_open(fd));
  transport->abort();  // without effect
}

TEST_F(WritePipeTransportTest, ClosingInsideResumeWritingEndsItOnce) {  // PIPE-09
  const auto transport = connect();
  transport->set_write_buffer_limits(4999, 0);
  protocol_->on_resume = [](Recorder& self) { self.transport->close(); };
  fill(*transport, 5000);
  turn_until([&] {
    read_text(read_);
    return protocol_->lost;
  });
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "pause", "resume", "lost"));
}

TEST_F(WritePipeTransportTest, OneLeftWhenTheLoopIsClosedIsClosedWithAWarning) {
  const auto transport = connect();
  const int fd = transport->fd();
  fill(*transport, 5000);
  loop_.close();
  EXPECT_FALSE(is_open(fd));
  EXPECT_THAT(log(), ElementsAre(testing::StartsWith("unclosed transport <WritePipeTransport")));
  EXPECT_FALSE(protocol_->lost);
  transport->abort();  // without effect
  transport->write("x");
  EXPECT_EQ(transport->describe(), "<WritePipeTransport closed>");
}

}  // namespace
}  // namespace evloop
