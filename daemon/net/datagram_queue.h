#pragma once

#include <cstddef>
#include <span>

#include "net/bytes.h"
#include "net/socket_address.h"

namespace evloop {

// Datagrams that wait to be sent, in order, one behind the other in one string of bytes. A value of a transport.
class DatagramQueue {
 public:
  struct Datagram {
    std::span<const std::byte> data;  // in the queue: until it changes
    SocketAddress to;
  };

  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  // As the water marks count it: 8 bytes for each datagram beside its content (DGRAM-07).
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void push(std::span<const std::byte> data, const SocketAddress& to);
  // Of a queue that is not empty.
  [[nodiscard]] Datagram front() const noexcept;
  void pop() noexcept;
  void clear() noexcept {
    bytes_.clear();
    size_ = 0;
  }

 private:
  Bytes bytes_;  // of each: its header, the address, the content
  std::size_t size_ = 0;
};

}  // namespace evloop
