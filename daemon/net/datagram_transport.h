#pragma once

#include <span>
#include <string_view>

#include "base/ref.h"
#include "net/base_transport.h"
#include "net/datagram_protocol.h"

namespace evloop {

// asyncio's DatagramTransport: a socket that sends and receives datagrams. See BaseTransport for who owns it. Loop
// thread only.
class DatagramTransport : public BaseTransport {
 public:
  // Sends one datagram, which may be empty (DGRAM-08): at once, or, while the system takes none, later and in order,
  // from a copy (DGRAM-07). Empty `to`: to the endpoint's remote address; another one than that throws ValueError
  // (DGRAM-09). Never blocks; what fails is told to error_received().
  virtual void sendto(std::span<const std::byte> data, const SocketAddress& to) = 0;
  void sendto(std::span<const std::byte> data) { sendto(data, SocketAddress()); }
  void sendto(std::string_view text, const SocketAddress& to) { sendto(std::as_bytes(std::span(text)), to); }
  void sendto(std::string_view text) { sendto(text, SocketAddress()); }

  // From the next event on.
  virtual void set_protocol(Ref<DatagramProtocol> protocol) = 0;
  // None once the endpoint is closed.
  [[nodiscard]] virtual Ref<DatagramProtocol> get_protocol() const = 0;
};

}  // namespace evloop
