#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "aio/operation.h"
#include "aio/wait_point.h"
#include "net/bytes.h"
#include "net/stream_errors.h"

namespace evloop {

class Transport;

inline constexpr std::size_t default_stream_limit = 64 * 1024;

// asyncio's StreamReader: what has come and has not been read. Fed by a protocol, read by one task at a time
// (STREAM-11). Pauses its transport when it holds more than twice its limit (STREAM-04), and holds no memory when it
// holds no data. Counts its references, plainly. Loop thread only.
//
// Of a connection it is a part of the StreamReaderProtocol, which lives as long; of a child's output it stands alone.
class StreamReader : public BlockCached {
 public:
  // `limit` bounds a line, and what is buffered. Throws ValueError if it is 0 (STREAM-03).
  explicit StreamReader(EventLoop& loop, std::size_t limit = default_stream_limit) : StreamReader(loop, limit, false) {}
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  // Each throws the connection's error, once there is one (STREAM-12); a cancelled one leaves the data there
  // (STREAM-13).

  // At least one byte and at most `most`; nothing at the end of data. Negative: all there is until then (STREAM-05).
  class Read;
  [[nodiscard]] Read read(std::ptrdiff_t most = -1);
  // Throws IncompleteReadError, and ValueError for a negative count (STREAM-06).
  Coro<Bytes> readexactly(std::ptrdiff_t count);
  // With the separator, or the first of several to end (STREAM-07 to STREAM-09). Throws IncompleteReadError,
  // LimitOverrunError, and ValueError for an empty separator or none.
  Coro<Bytes> readuntil(std::string separator = "\n");
  Coro<Bytes> readuntil(std::vector<std::string> separators);
  // With its newline; without at the end of data, then nothing. Throws ValueError for a line over the limit, and drops
  // it (STREAM-10).
  Coro<Bytes> readline();
  // asyncio's `async for`: the next line, none at the end.
  Coro<std::optional<Bytes>> next_line();
  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }
  // All has come and been read.
  [[nodiscard]] bool at_eof() const noexcept { return eof_ && buffer_.empty(); }
  [[nodiscard]] std::exception_ptr exception() const noexcept { return exception_; }
  [[nodiscard]] bool has_failed() const noexcept { return exception_ != nullptr; }
  // Throws the connection's error, if there is one.
  void check_exception() const {
    if (exception_) [[unlikely]]
      throw_exception();
  }

  // The other side: who feeds it. Either with data, or by receiving into space() what then has arrived: the latter
  // copies nothing, and its size follows that of what came before.
  void feed_data(std::span<const std::byte> data);
  [[nodiscard]] std::span<std::byte> space() { return buffer_.make_space_of(expected_); }
  void arrived(std::size_t count);
  void feed_eof();
  void set_exception(std::exception_ptr error);
  // What has not been read yet, for a layer that is put below (TLS-12).
  [[nodiscard]] Bytes take_buffered() noexcept { return std::exchange(buffer_, {}); }
  // What it pauses and resumes: alive until this is called with null.
  void set_transport(Transport* transport) noexcept { transport_ = transport; }

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) [[unlikely]]
      dispose();
  }

 protected:
  // A part of a StreamReaderProtocol.
  struct Part {};
  StreamReader(EventLoop& loop, std::size_t limit, Part) : StreamReader(loop, limit, true) {}

 private:
  StreamReader(EventLoop& loop, std::size_t limit, bool is_part);

  class DataWait;
  class ReadAwaiter;
  static constexpr std::uint8_t least_expected = 10;  // 1 KiB
  static constexpr std::uint8_t most_expected = 17;   // 128 KiB
  struct Match {
    std::size_t begin;
    std::size_t end;
  };

  void dispose() noexcept;
  [[noreturn]] void throw_exception() const;
  // Throws LoopError, naming `method`, if another read waits already.
  void prepare_wait(const char* method) {
    if (waiter_ || paused_) [[unlikely]]
      prepare_special_wait(method);
  }
  void prepare_special_wait(const char* method);
  // Waits until something comes, for `method`.
  [[nodiscard]] DataWait data(const char* method);
  void forget_waiter() noexcept {
    waiter_ = nullptr;
    to_end_ = false;
  }
  void stop_waiting(const WaitPoint& point) noexcept {
    if (waiter_ == &point) forget_waiter();
  }
  void wake();
  void data_added();
  [[nodiscard]] bool holds_too_much() const noexcept { return buffer_.size() > 2 * limit_ && transport_ && !paused_; }
  void pause_and_wake();
  void expect_after(std::size_t count) noexcept;
  void maybe_resume_transport() {
    if (paused_) [[unlikely]]
      resume_transport();
  }
  void resume_transport();
  [[nodiscard]] std::optional<Match> find(std::span<const std::string_view> separators, std::size_t& offset) const;

  EventLoop& loop_;
  const std::size_t limit_;
  Bytes buffer_;
  WaitPoint* waiter_ = nullptr;  // of the read that waits for data
  std::exception_ptr exception_;
  Transport* transport_ = nullptr;
  std::uint32_t references_ = 0;
  std::uint8_t expected_ = least_expected;  // exponent of how many bytes may come at once
  bool eof_ = false;
  bool to_end_ = false;      // the one that waits wants all there will be
  bool paused_ : 1 = false;  // the transport, by this
  const bool is_part_ : 1;
};

// Suspends a read until something comes (asyncio's _wait_for_data), while it lives.
class StreamReader::DataWait {
 public:
  // To be prepared: see prepare_wait().
  explicit DataWait(StreamReader& reader) noexcept : reader_(reader), point_(reader.loop_, WaitKind::stream) {
    reader.waiter_ = &point_;
  }
  DataWait(const DataWait&) = delete;
  DataWait& operator=(const DataWait&) = delete;
  ~DataWait() { reader_.stop_waiting(point_); }
  WaitPoint::Awaiter awaited(AwaitSite site) noexcept { return {point_, site}; }

 private:
  StreamReader& reader_;
  WaitPoint point_;
};

class StreamReader::ReadAwaiter : public WaitForFuture {
 public:
  ReadAwaiter(Ref<StreamReader>&& reader, std::ptrdiff_t most, AwaitSite site) noexcept
      : WaitForFuture(site), reader_(std::move(reader)), most_(most) {}
  ReadAwaiter(const ReadAwaiter&) = delete;
  ReadAwaiter& operator=(const ReadAwaiter&) = delete;
  ~ReadAwaiter() {
    if (suspended()) [[unlikely]]
      stop_waiting();
  }

  [[nodiscard]] bool await_ready() const {
    if (reader_->exception_ || most_ == 0 || reader_->eof_ || (most_ > 0 && !reader_->buffer_.empty())) return true;
    reader_->prepare_wait("read");
    return false;
  }
  template <class P>
  void await_suspend(std::coroutine_handle<P> frame) {
    reader_->to_end_ = most_ < 0;
    reader_->waiter_ = ::new (&point_) WaitPoint(reader_->loop_, WaitKind::stream);
    wait(frame, point_);
  }
  [[gnu::always_inline]] Bytes await_resume() {
    if (suspended()) [[likely]] {
      deliver_interrupt(point_);
      point_.check();
      settle();  // what has been woken holds nothing, and its reader has forgotten it: its end may be skipped
    } else {
      reader_->check_exception();
    }
    // Negative is more than there can be.
    auto data = reader_->buffer_.take(static_cast<std::size_t>(most_));
    reader_->maybe_resume_transport();
    return data;
  }

 private:
  void stop_waiting() noexcept;

  const HeldRef<StreamReader> reader_;
  const std::ptrdiff_t most_;
  union {
    WaitPoint point_;  // once it is suspended
  };
};

class [[nodiscard]] StreamReader::Read : public OperationBase {
 public:
  using Value = Bytes;
  Read(Ref<StreamReader> reader, std::ptrdiff_t most) noexcept : reader_(std::move(reader)), most_(most) {}
  ReadAwaiter awaited(AwaitSite site) && noexcept { return {std::move(reader_), most_, site}; }

 private:
  Ref<StreamReader> reader_;
  std::ptrdiff_t most_;
};

inline StreamReader::DataWait StreamReader::data(const char* method) {
  prepare_wait(method);
  return DataWait(*this);
}

inline StreamReader::Read StreamReader::read(std::ptrdiff_t most) { return {Ref(this), most}; }

}  // namespace evloop
