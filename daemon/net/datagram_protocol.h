#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "base/block_cache.h"
#include "net/socket_address.h"

namespace evloop {

class DatagramTransport;

// The program's side of a datagram endpoint: what its transport calls, on the loop's thread. connection_made comes once
// and first, connection_lost once and last.
//
// Counts its references, plainly: loop thread only. The transport holds one until connection_lost has returned.
class DatagramProtocol : public BlockCached {
 public:
  DatagramProtocol() noexcept = default;
  DatagramProtocol(const DatagramProtocol&) = delete;
  DatagramProtocol& operator=(const DatagramProtocol&) = delete;
  virtual ~DatagramProtocol() = default;

  // The transport lives until connection_lost has returned, or until the loop is closed: see Protocol.
  virtual void connection_made(DatagramTransport& /*transport*/) {}
  virtual void connection_lost(std::exception_ptr /*error*/) {}

  // One datagram, in the loop's receive buffer: valid until this returns. `from` is empty if the sender has no address.
  virtual void datagram_received(std::span<const std::byte> /*data*/, const SocketAddress& /*from*/) {}
  // A system error of an earlier send, or of a receive (DGRAM-06). The endpoint stays open, and this may send or close.
  virtual void error_received(std::exception_ptr /*error*/) {}

  // Called from inside sendto() and from the flush, strictly in pairs (TRANS-22).
  virtual void pause_writing() {}
  virtual void resume_writing() {}

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 private:
  std::uint32_t references_ = 0;
};

}  // namespace evloop
