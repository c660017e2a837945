#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/block_cache.h"
#include "net/socket_address.h"

namespace evloop {

class EventLoop;

// What every transport has: an end, a write buffer and information (asyncio's BaseTransport). Loop thread only.
//
// Counts its references, plainly. The loop holds one from its creation until connection_lost has returned, so a
// connection lives without anybody holding it; whoever holds one longer has a transport that is closed for good. What
// is left when the loop is closed is closed then, with the warning "unclosed transport ..." and without
// connection_lost.
class BaseTransport : public BlockCached {
 public:
  // In bytes: see set_write_buffer_limits().
  struct WriteBufferLimits {
    std::size_t low;
    std::size_t high;
  };

  BaseTransport(const BaseTransport&) = delete;
  BaseTransport& operator=(const BaseTransport&) = delete;
  virtual ~BaseTransport() = default;

  // Reads no more, and ends the connection once the buffer is flushed: connection_lost(null) follows, in a later
  // callback (TRANS-26).
  virtual void close() = 0;
  // ... dropping the buffer (TRANS-27).
  virtual void abort() = 0;
  [[nodiscard]] bool is_closing() const noexcept { return closing_; }

  // The protocol is told to pause when more than `high` bytes are buffered, and to resume at `low` or less. 64 KiB and
  // a quarter of it; given only one: high = 4 * low, low = high / 4. Throws ValueError (TRANS-21).
  virtual void set_write_buffer_limits(std::optional<std::size_t> high, std::optional<std::size_t> low) = 0;
  void set_write_buffer_limits(std::optional<std::size_t> high = std::nullopt) {
    set_write_buffer_limits(high, std::nullopt);
  }
  [[nodiscard]] virtual WriteBufferLimits get_write_buffer_limits() const noexcept = 0;
  [[nodiscard]] virtual std::size_t get_write_buffer_size() const noexcept = 0;

  // asyncio's get_extra_info(): "socket" ... (-1 once the connection is lost)
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // ... "sockname" and "peername", empty if not available. Those of a connection are asked of the kernel at first use
  // and then kept: who wants them after the connection is lost, or after a reset, asks while it stands.
  [[nodiscard]] virtual const SocketAddress& sockname() const = 0;
  [[nodiscard]] virtual const SocketAddress& peername() const = 0;

  // For messages: "<SocketTransport fd=7 ...>".
  [[nodiscard]] virtual std::string describe() const = 0;
  // Null once the loop is closed, and once the connection is lost.
  [[nodiscard]] virtual EventLoop* loop() const noexcept = 0;

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 protected:
  BaseTransport() noexcept = default;

 private:
  std::uint32_t references_ = 0;

 protected:
  bool closing_ = false;  // by close(), abort(), or the loss of the connection
};

}  // namespace evloop
