#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "aio/event_loop.h"
#include "net/protocol.h"
#include "net/transport.h"

namespace evloop {

// Puts TLS between the transports of sockets and the protocols of the program (TLS-01). net/tls/ makes them, out of
// OpenSSL, with tls_client() and tls_server(); net knows only this. Immutable; any thread.
class TlsLayer {
 public:
  // The two ends of one connection's TLS: what the transport below calls, and what the protocol above uses.
  struct Wrapped {
    Ref<Protocol> below;
    Ref<Transport> transport;
  };
  // Whether the protocol is told of a connection, or has one already (TLS-11).
  enum class Begin : std::uint8_t { connection_made, silently };

  TlsLayer() = default;
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;
  virtual ~TlsLayer() = default;

  [[nodiscard]] virtual bool is_server() const noexcept = 0;

  // For one connection. The handshake begins when `below` is told of its transport. `waiter`, if any, is completed
  // after it, or with what it failed with. Throws ValueError. Thread of the loop.
  [[nodiscard]] virtual Wrapped wrap(EventLoop& loop, Ref<BaseProtocol> protocol, const std::string& server_hostname,
                                     Future<void> waiter, Begin begin = Begin::connection_made) const = 0;
};

// The two kinds, so that the compiler sees who is given which.
class TlsClientLayer : public TlsLayer {
 public:
  [[nodiscard]] bool is_server() const noexcept final { return false; }
  // Whom it expects to reach. None: the host it connects to; empty: anybody (CONN-02).
  [[nodiscard]] virtual const std::optional<std::string>& server_hostname() const noexcept = 0;
};
class TlsServerLayer : public TlsLayer {
 public:
  [[nodiscard]] bool is_server() const noexcept final { return true; }
};
using TlsClient = std::shared_ptr<const TlsClientLayer>;
using TlsServer = std::shared_ptr<const TlsServerLayer>;

// What a connection is to be wrapped in. No layer: without TLS.
struct TlsUse {
  std::shared_ptr<const TlsLayer> layer;
  std::string server_hostname{};
};

// For a client that connects to `host`, empty if it has only a socket, and for one on a unix socket, which has no name
// of its own. Each throws ValueError (CONN-01, CONN-02, UNIX-04).
[[nodiscard]] TlsUse tls_to(TlsClient client, const std::string& host);
[[nodiscard]] TlsUse tls_to_unix(TlsClient client);

}  // namespace evloop
