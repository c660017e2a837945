#include "net/sendfile.h"

#include <sys/mman.h>

#include "aio/settled.h"
#include "net/failing_calls.h"
#include "net/os_error.h"
#include "net/transport_test.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A transport that sends what is written as SocketTransport does, and that the system call does not know: as TLS.
class CopyingTransport final : public FlowControlledTransport {
 public:
  CopyingTransport(EventLoop& loop, Ref<BaseProtocol> protocol, SendfileMode mode)
      : FlowControlledTransport(loop, std::move(protocol)), mode_(mode) {}

  using Transport::write;
  void write(std::span<const std::byte> data) override {
    buffered += data.size();
    sent += text(data);
    maybe_pause_protocol();
  }
  void flush() {
    buffered = 0;
    maybe_resume_protocol();
  }
  void writelines(std::span<const std::span<const std::byte>>) override {}
  void write_eof() override {}
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  [[nodiscard]] SendfileMode sendfile_mode() const noexcept override { return mode_; }
  void close() override { closing_ = true; }
  void abort() override { closing_ = true; }
  void pause_reading() override { reading = false; }
  void resume_reading() override { reading = true; }
  [[nodiscard]] bool is_reading() const noexcept override { return reading; }
  [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return buffered; }
  void set_protocol(Ref<BaseProtocol> protocol) override { protocol_ = std::move(protocol); }
  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] const SocketAddress& sockname() const override { return none_; }
  [[nodiscard]] const SocketAddress& peername() const override { return none_; }
  [[nodiscard]] std::string describe() const override { return "<CopyingTransport>"; }

  std::size_t buffered = 0;
  std::string sent;
  bool reading = true;

 private:
  const SendfileMode mode_;
  SocketAddress none_;
};

class SendfileTest : public SocketTransportTest {
 protected:
  ~SendfileTest() override { FailingCalls::sendfile.clear(); }

  // A file of `size` bytes with a pattern.
  void make_file(std::size_t size) {
    file_.reset(::memfd_create("evloop-sendfile", MFD_CLOEXEC));
    content_.clear();
    for (std::size_t i = 0; content_.size() < size; ++i) content_ += std::to_string(i) + ",";
    content_.resize(size);
    ASSERT_EQ(::pwrite(file_.get(), content_.data(), content_.size(), 0), std::ssize(content_));
  }
  // Sends on a transport whose peer reads until the end of it; `received_` is what has come.
  template <class T>
  std::exception_ptr finish(const Task<T>& task) {
    turn_until([&] {
      received_ += receive_text(peer_);
      return task.done();
    });
    received_ += receive_text(peer_);
    return task.exception();
  }
  std::int64_t send(const Ref<SocketTransport>& transport, SendfileOptions options = {}) {
    auto task = start(transport, options);
    if (auto error = finish(task)) std::rethrow_exception(error);
    return task.result();
  }
  Task<std::int64_t> start(const Ref<SocketTransport>& transport, SendfileOptions options = {}) {
    return loop_.create_task(sendfile(loop_, transport, file_.get(), options));
  }
  template <class E>
  std::string error_of(Coro<std::int64_t> sending) {
    try {
      run(std::move(sending));
    } catch (const E& error) {
      return error.what();
    }
    return "no error of this type";
  }
  off_t position() const { return ::lseek(file_.get(), 0, SEEK_CUR); }

  UniqueFd file_;
  std::string content_;
  std::string received_;
};

TEST_F(SendfileTest, SendsAFileAndAnswersHowMuch) {  // SENDF-01
  make_file(5'000'000);
  const auto transport = connect();
  EXPECT_EQ(send(transport), 5'000'000);
  EXPECT_EQ(received_, content_);
  EXPECT_EQ(position(), 5'000'000);
  transport->write("goes on");
  EXPECT_EQ(receive_text(peer_), "goes on");
}

TEST_F(SendfileTest, SendsAPartOfAFile) {  // SENDF-01
  make_file(100'000);
  const auto transport = connect();
  EXPECT_EQ(send(transport, {.offset = 1000, .count = 5000}), 5000);
  EXPECT_EQ(received_, content_.substr(1000, 5000));
  EXPECT_EQ(position(), 6000);
  received_.clear();
  EXPECT_EQ(send(transport, {.offset = 99'000, .count = 5000}), 1000);  // there is no more
  EXPECT_EQ(received_, content_.substr(99'000));
  EXPECT_EQ(position(), 100'000);
}

TEST_F(SendfileTest, AnEmptyFileSendsNothing) {  // SENDF-09
  make_file(0);
  const auto transport = connect();
  EXPECT_EQ(send(transport), 0);
  EXPECT_EQ(run(sock_sendfile(loop_, socket_pair().first.get(), file_.get())), 0);
  EXPECT_EQ(position(), 0);
}

TEST_F(SendfileTest, WhatIsBufferedGoesFirstAndReadingRestsMeanwhile) {  // SENDF-02
  make_file(1'000'000);
  const auto transport = connect();
  fill(*transport, 100'000);
  auto task = start(transport);
  turn(3);
  EXPECT_FALSE(transport->is_reading());
  send_text(peer_, "not now");
  turn(2);
  EXPECT_EQ(protocol_->data, "");
  EXPECT_FALSE(finish(task));
  EXPECT_TRUE(received_.ends_with("x" + content_));
  EXPECT_TRUE(transport->is_reading());
  turn();
  EXPECT_EQ(protocol_->data, "not now");
  EXPECT_EQ(times(protocol_->calls, "pause"), 1u);
  EXPECT_EQ(times(protocol_->calls, "resume"), 1u);
}

TEST_F(SendfileTest, ReadingThatWasPausedStaysSo) {  // SENDF-02
  make_file(1000);
  const auto transport = connect();
  transport->pause_reading();
  send(transport);
  EXPECT_FALSE(transport->is_reading());
}

TEST_F(SendfileTest, MeanwhileNobodyWrites) {  // SENDF-03
  make_file(5'000'000);
  const auto transport = connect();
  auto task = start(transport);
  turn(2);
  ASSERT_FALSE(task.done());
  try {
    transport->write("between");
    ADD_FAILURE();
  } catch (const LoopError& error) {
    EXPECT_STREQ(error.what(), "unable to write; sendfile is in progress");
  }
  const std::array chunks{bytes("between")};
  EXPECT_THROW(transport->writelines(chunks), LoopError);
  EXPECT_THAT(error_of<LoopError>(sendfile(loop_, transport, file_.get())), HasSubstr("sendfile is in progress"));
  EXPECT_FALSE(finish(task));
  EXPECT_EQ(received_, content_);
}

TEST_F(SendfileTest, WhatTheSystemCallCannotSendIsReadAndWritten) {  // SENDF-04, SENDF-09
  make_file(1'000'000);
  const auto transport = connect();
  fill(*transport, 100'000);
  FailingCalls::sendfile = {EINVAL};
  EXPECT_EQ(send(transport, {.offset = 10, .count = 900'000}), 900'000);
  EXPECT_TRUE(received_.ends_with("x" + content_.substr(10, 900'000)));
  EXPECT_EQ(position(), 900'010);
  EXPECT_EQ(transport->get_protocol().get(), protocol_.get());
  EXPECT_GE(times(protocol_->calls, "resume"), 1u);  // it is still told, in pairs
  EXPECT_EQ(times(protocol_->calls, "pause"), times(protocol_->calls, "resume"));
}

TEST_F(SendfileTest, APipeIsReadAndWritten) {  // SENDF-04
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  file_.reset(ends[0]);
  const UniqueFd writing(ends[1]);
  const auto transport = connect();
  ASSERT_EQ(::write(writing.get(), "from a pipe", 11), 11);
  FailingCalls::sendfile = {ESPIPE};
  EXPECT_EQ(send(transport, {.count = 6}), 6);
  EXPECT_EQ(received_, "from a");
}

TEST_F(SendfileTest, ATransportWithoutTheSystemCallIsWrittenToWithFlowControl) {  // SENDF-04
  make_file(1'000'000);
  const Ref<CopyingTransport> transport(new CopyingTransport(loop_, protocol_, Transport::SendfileMode::fallback));
  auto task = loop_.create_task(sendfile(loop_, transport, file_.get()));
  std::size_t most = 0;
  turn_until([&] {
    EXPECT_FALSE(transport->reading && !task.done() && !transport->sent.empty());
    most = std::max(most, transport->buffered);
    if (transport->buffered > 64 * 1024) transport->flush();
    return task.done();
  });
  EXPECT_EQ(task.result(), 1'000'000);
  EXPECT_EQ(transport->sent, content_);
  EXPECT_LE(most, (64u + 16u) * 1024);  // a block above the high-water mark
  EXPECT_TRUE(transport->reading);
  EXPECT_EQ(transport->get_protocol().get(), protocol_.get());
}

TEST_F(SendfileTest, WithoutTheFallbackWhatIsNotPossibleIsAnError) {  // SENDF-05
  make_file(1000);
  const auto transport = connect();
  FailingCalls::sendfile = {EINVAL};
  EXPECT_EQ(error_of<SendfileNotAvailableError>(sendfile(loop_, transport, file_.get(), {.fallback = false})),
            "sendfile syscall is not supported");
  FailingCalls::sendfile = {EINVAL};
  EXPECT_EQ(error_of<SendfileNotAvailableError>(
                sock_sendfile(loop_, socket_pair().first.get(), file_.get(), {.fallback = false})),
            "sendfile syscall is not supported");
  const Ref<CopyingTransport> copying(new CopyingTransport(loop_, protocol_, Transport::SendfileMode::fallback));
  EXPECT_EQ(error_of<LoopError>(sendfile(loop_, copying, file_.get(), {.fallback = false})),
            "fallback is disabled and native sendfile is not supported for transport <CopyingTransport>");
  transport->write("still there");
  EXPECT_EQ(receive_text(peer_), "still there");
}

TEST_F(SendfileTest, AClosingTransportAndOneOfAnotherKindAreRefused) {  // SENDF-06
  make_file(1000);
  const auto transport = connect();
  transport->close();
  EXPECT_EQ(error_of<LoopError>(sendfile(loop_, transport, file_.get())), "Transport is closing");
  const Ref<CopyingTransport> other(new CopyingTransport(loop_, protocol_, Transport::SendfileMode::unsupported));
  EXPECT_EQ(error_of<LoopError>(sendfile(loop_, other, file_.get())),
            "sendfile is not supported for transport <CopyingTransport>");
}

TEST_F(SendfileTest, APeerThatGoesAwayInTheMiddleIsAConnectionErrorAndNoSignal) {  // SENDF-01, SENDF-07
  make_file(5'000'000);
  for (const bool native : {true, false}) {
    protocol_ = Ref(new Recorder);
    const auto transport = connect();
    if (!native) FailingCalls::sendfile = {EINVAL};
    auto task = start(transport);
    turn_until([&] { return !receive_text(peer_).empty(); });
    peer_.reset();
    turn_until([&] { return task.done(); });
    EXPECT_TRUE(is_connection_error(task.exception())) << describe(task.exception());
    EXPECT_GT(position(), 0);
    EXPECT_LT(position(), 5'000'000);
    turn_until([&] { return protocol_->lost; });
    EXPECT_EQ(times(protocol_->calls, "lost"), 1u);
  }
}

TEST_F(SendfileTest, ATransportThatIsClosedInTheMiddleIsAConnectionError) {  // SENDF-07
  make_file(5'000'000);
  for (const bool native : {true, false}) {
    for (const bool abort : {true, false}) {
      protocol_ = Ref(new Recorder);
      const auto transport = connect();
      if (!native) FailingCalls::sendfile = {EINVAL};
      auto task = start(transport);
      turn_until([&] { return !receive_text(peer_).empty(); });
      turn_until([&] { return native || transport->get_write_buffer_size() > 0; });
      if (abort) {
        transport->abort();
      } else {
        transport->close();
      }
      finish(task);
      EXPECT_TRUE(is_connection_error(task.exception())) << describe(task.exception());
      turn_until([&] { return protocol_->lost; });
      EXPECT_FALSE(protocol_->error);
    }
  }
}

TEST_F(SendfileTest, RefusesArgumentsThatMakeNoSense) {  // SENDF-08
  make_file(1000);
  const auto [one, other] = socket_pair();
  const auto sock = [&](SendfileOptions options) { return sock_sendfile(loop_, one.get(), file_.get(), options); };
  EXPECT_EQ(error_of<ValueError>(sock({.count = 0})), "count must be a positive integer (got 0)");
  EXPECT_EQ(error_of<ValueError>(sock({.count = -1})), "count must be a positive integer (got -1)");
  EXPECT_EQ(error_of<ValueError>(sock({.offset = -1})), "offset must be a non-negative integer (got -1)");
  const UniqueFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  EXPECT_EQ(error_of<ValueError>(sock_sendfile(loop_, datagrams.get(), file_.get())),
            "only SOCK_STREAM type sockets are supported");
  const auto transport = connect();
  EXPECT_EQ(error_of<ValueError>(sendfile(loop_, transport, file_.get(), {.count = -1})),
            "count must be a positive integer (got -1)");
}

TEST_F(SendfileTest, ASocketIsSentToAsATransportIs) {  // SENDF-01, SENDF-04
  make_file(3'000'000);
  auto [mine, theirs] = socket_pair();
  peer_ = std::move(theirs);
  for (const bool native : {true, false}) {
    if (!native) FailingCalls::sendfile = {EINVAL};
    received_.clear();
    auto task = loop_.create_task(sock_sendfile(loop_, mine.get(), file_.get(), {.offset = 5}));
    EXPECT_FALSE(finish(task));
    EXPECT_EQ(task.result(), 2'999'995);
    EXPECT_EQ(received_, content_.substr(5));
    EXPECT_EQ(position(), 3'000'000);
    EXPECT_FALSE(loop_.is_watched(mine.get(), Interest::write));
  }
}

TEST_F(SendfileTest, ALaterFailureIsTheCallers) {  // SENDF-09
  make_file(5'000'000);
  const auto [mine, theirs] = socket_pair();
  const auto fail = [&](int error) {
    auto task = loop_.create_task(sock_sendfile(loop_, mine.get(), file_.get()));
    turn();
    EXPECT_FALSE(task.done());
    FailingCalls::sendfile = {error};
    turn_until([&] {
      receive_text(theirs);
      return task.done();
    });
    return task.exception();
  };
  EXPECT_THAT(describe(fail(EIO)), HasSubstr("sendfile: Input/output error"));
  const auto unconnected = fail(ENOTCONN);
  EXPECT_THAT(describe(unconnected), HasSubstr("socket is not connected"));
  EXPECT_TRUE(is_connection_error(unconnected));
  EXPECT_GT(position(), 0);
}

TEST_F(SendfileTest, CancelledItStopsAndTheConnectionGoesOn) {  // SENDF-09
  make_file(5'000'000);
  const auto [mine, theirs] = socket_pair();
  auto plain = loop_.create_task(sock_sendfile(loop_, mine.get(), file_.get()));
  turn(2);
  EXPECT_TRUE(loop_.is_watched(mine.get(), Interest::write));
  plain.cancel();
  EXPECT_FALSE(loop_.is_watched(mine.get(), Interest::write));
  turn(2);
  EXPECT_TRUE(plain.cancelled());

  for (const bool native : {true, false}) {
    const auto transport = connect();
    if (!native) FailingCalls::sendfile = {EINVAL};
    auto task = start(transport);
    turn_until([&] { return !receive_text(peer_).empty(); });
    task.cancel();
    turn_until([&] { return task.done(); });
    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(transport->is_reading());
    transport->write("after it");
    drain_peer();
    EXPECT_EQ(transport->get_protocol().get(), protocol_.get());
    transport->close();
    turn(2);
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(SendfileTest, ATransferThatIsPendingWhenTheLoopGoesIsUnwound) {
  make_file(5'000'000);
  const auto transport = connect();
  static_cast<void>(start(transport));
  turn(2);
  loop_.close();
  EXPECT_EQ(transport->fd(), -1);
}

}  // namespace
}  // namespace evloop
