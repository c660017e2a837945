#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/net_test.h"
#include "net/recorder.h"
#include "net/socket_transport.h"

namespace evloop {

inline std::size_t times(const std::vector<std::string>& calls, std::string_view call) {
  return static_cast<std::size_t>(std::ranges::count(calls, call));
}

// Transports over one end of a socket pair.
class SocketTransportTest : public NetTest {
 protected:
  // Makes the transport; the protocol knows it after one turn.
  Ref<SocketTransport> connect(UniqueFd fd) { return SocketTransport::create(loop_, std::move(fd), protocol_); }
  // A connection to `peer_` that has begun.
  Ref<SocketTransport> connect() {
    auto [mine, theirs] = socket_pair();
    peer_ = std::move(theirs);
    auto transport = connect(std::move(mine));
    turn();
    return transport;
  }
  // Fills the socket and then the buffer, up to `more` bytes in it.
  void fill(Transport& transport, std::size_t more) {
    const std::string block(4096, 'x');
    while (transport.get_write_buffer_size() == 0) transport.write(block);
    const auto size = transport.get_write_buffer_size();
    ASSERT_LE(size, more);
    transport.write(std::string(more - size, 'x'));
  }
  std::size_t drain_peer() {
    std::size_t count = 0;
    turn_until([&] {
      count += receive_text(peer_).size();
      return !protocol_->transport || protocol_->transport->get_write_buffer_size() == 0;
    });
    return count + receive_text(peer_).size();
  }

  UniqueFd peer_;
  Ref<Recorder> protocol_{new Recorder};
};

}  // namespace evloop
