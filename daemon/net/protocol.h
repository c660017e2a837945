#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "base/block_cache.h"
#include "base/ref.h"

namespace evloop {

class Transport;

// The program's side of a connection: what a transport calls, on the loop's thread. Derive from Protocol or
// BufferedProtocol and override what is needed. In this order (TRANS-02): connection_made once, data_received any
// number of times, eof_received at most once, connection_lost exactly once, and nothing after it.
//
// Counts its references, plainly: loop thread only. The transport holds one until connection_lost has returned.
class BaseProtocol : public BlockCached {
 public:
  BaseProtocol(const BaseProtocol&) = delete;
  BaseProtocol& operator=(const BaseProtocol&) = delete;
  virtual ~BaseProtocol() = default;

  // The transport lives until connection_lost has returned, or until the loop is closed, which destroys the protocol
  // too: keep its plain address until then. Keep a Ref only to outlive that; it is then a closed one.
  virtual void connection_made(Transport& /*transport*/) {}
  // `error` is null after close(), abort() or the peer's end of data.
  virtual void connection_lost(std::exception_ptr /*error*/) {}

  // Called from inside write(), when more than the high-water mark is buffered, and from the flush, when no more than
  // the low-water mark is: strictly in pairs (TRANS-22).
  virtual void pause_writing() {}
  virtual void resume_writing() {}

  // Of a layer on a transport, such as TLS: the transport that it offers to a protocol above.
  [[nodiscard]] virtual Transport* upper_transport() noexcept { return nullptr; }
  // It is a BufferedProtocol; if not, a Protocol.
  [[nodiscard]] bool is_buffered() const noexcept { return kind_ == Kind::buffered; }

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) dispose();
  }

 protected:
  enum class Kind : std::uint8_t { plain, buffered };
  explicit BaseProtocol(Kind kind) noexcept : kind_(kind) {}
  // Nobody holds it any more.
  virtual void dispose() noexcept { delete this; }

 private:
  std::uint32_t references_ = 0;
  const Kind kind_;
};

class Protocol : public BaseProtocol {
 public:
  Protocol() noexcept : BaseProtocol(Kind::plain) {}

  // Some bytes, in the loop's receive buffer: valid until this returns.
  virtual void data_received(std::span<const std::byte> /*data*/) {}
  // The peer will send no more. True keeps the connection open for writing, false closes it (TRANS-06).
  virtual bool eof_received() { return false; }
};

// Receives into memory of its own (TRANS-10).
class BufferedProtocol : public BaseProtocol {
 public:
  BufferedProtocol() noexcept : BaseProtocol(Kind::buffered) {}

  // Where to receive to: not empty. `hint` is a size that would be good, or -1.
  virtual std::span<std::byte> get_buffer(std::ptrdiff_t hint) = 0;
  // The first `count` bytes of it have been received.
  virtual void buffer_updated(std::size_t count) = 0;
  virtual bool eof_received() { return false; }
};

}  // namespace evloop
