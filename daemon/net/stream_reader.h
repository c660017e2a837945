#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aio/event_loop.h"
#include "net/bytes.h"
#include "net/stream_errors.h"

namespace evloop {

class Transport;

inline constexpr std::size_t default_stream_limit = 64 * 1024;

// asyncio's StreamReader: what has come and has not been read. Fed by a protocol, read by one task at a time
// (STREAM-11). Pauses its transport when it holds more than twice its limit (STREAM-04), and holds no memory when it
// holds no data. Counts its references, plainly. Loop thread only.
class StreamReader final : public BlockCached {
 public:
  // `limit` bounds a line, and what is buffered. Throws ValueError if it is 0 (STREAM-03).
  explicit StreamReader(EventLoop& loop, std::size_t limit = default_stream_limit);
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  // Each throws the connection's error, once there is one (STREAM-12); a cancelled one leaves the data there
  // (STREAM-13).

  // At least one byte and at most `most`; nothing at the end of data. Negative: all there is until then (STREAM-05).
  Coro<Bytes> read(std::ptrdiff_t most = -1);
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
  // All has come and been read.
  [[nodiscard]] bool at_eof() const noexcept { return eof_ && buffer_.empty(); }
  [[nodiscard]] std::exception_ptr exception() const noexcept { return exception_; }

  // The other side: who feeds it.
  void feed_data(std::span<const std::byte> data);
  void feed_eof();
  void set_exception(std::exception_ptr error);
  // What it pauses and resumes: alive until this is called with null.
  void set_transport(Transport* transport) noexcept { transport_ = transport; }

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 private:
  class DataWait;
  struct Match {
    std::size_t begin;
    std::size_t end;
  };

  void check_exception() const;
  void wake();
  void maybe_resume_transport();
  [[nodiscard]] std::optional<Match> find(std::span<const std::string_view> separators, std::size_t& offset) const;
  Coro<Bytes> read_to_end();

  EventLoop& loop_;
  const std::size_t limit_;
  Bytes buffer_;
  Ref<FutureState<void>> waiter_;  // of the read that waits for data
  std::exception_ptr exception_;
  Transport* transport_ = nullptr;
  std::uint32_t references_ = 0;
  bool eof_ = false;
  bool paused_ = false;  // the transport, by this
};

}  // namespace evloop
