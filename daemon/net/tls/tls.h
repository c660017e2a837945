#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/tls/tls_context.h"
#include "net/tls_layer.h"

// TLS for connections of net: the `tls` of ConnectOptions, ServerOptions and StreamWriter::start_tls().
//
//   auto [reader, writer] = co_await open_connection("example.org", 443, limit, {.tls = tls_client()});
//   auto server = co_await create_server(loop, factory, "", 443, {.tls = tls_server({.context = context})});
namespace evloop {

inline constexpr Duration default_tls_handshake_timeout = std::chrono::seconds(60);
inline constexpr Duration default_tls_shutdown_timeout = std::chrono::seconds(30);

// asyncio's ssl_handshake_timeout and ssl_shutdown_timeout: how long the peer may take for its part of the handshake,
// and, once this side closes, for what was written and the end (TLS-02).
struct TlsTimeouts {
  Duration handshake = default_tls_handshake_timeout;
  Duration shutdown = default_tls_shutdown_timeout;
};

struct TlsClientOptions {
  TlsContext context{};  // none: one that trusts whom the system trusts
  // Whom to expect, by name or address, instead of the host that is connected to. Empty: anybody (CONN-02).
  std::optional<std::string> server_hostname = std::nullopt;
  TlsTimeouts timeouts{};
};

struct TlsServerOptions {
  TlsContext context;
  TlsTimeouts timeouts{};
};

// Each throws ValueError: for a timeout that is not positive, without a context or with one for the other side. Any
// thread.
[[nodiscard]] TlsClient tls_client(TlsClientOptions options = {});
[[nodiscard]] TlsServer tls_server(TlsServerOptions options);

}  // namespace evloop
