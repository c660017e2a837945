#include "net/tls/tls.h"

#include <array>
#include <charconv>
#include <utility>

#include "net/tls/tls_transport.h"

namespace evloop {
namespace {

void check_positive(const char* name, Duration timeout) {
  if (timeout <= Duration::zero())
    throw ValueError(std::string(name) + " should be a positive number, got " + seconds_text(timeout));
}

void check(const TlsTimeouts& timeouts) {
  check_positive("ssl_handshake_timeout", timeouts.handshake);
  check_positive("ssl_shutdown_timeout", timeouts.shutdown);
}

// What a client uses that brings no context: made once, as it reads every certificate the system trusts.
const TlsContext& default_client_context() {
  static const auto context = TlsContext::client();
  return context;
}

class ClientLayer final : public TlsClientLayer {
 public:
  explicit ClientLayer(TlsClientOptions options) : options_(std::move(options)) {}

  [[nodiscard]] const std::optional<std::string>& server_hostname() const noexcept override {
    return options_.server_hostname;
  }

  [[nodiscard]] Wrapped wrap(EventLoop& loop, Ref<BaseProtocol> protocol, const std::string& server_hostname,
                             Future<void> waiter, Begin begin) const override {
    const auto& context = options_.context;
    // The default context checks a name only if there is one.
    if (context && context.checks_hostname() && server_hostname.empty())
      throw ValueError("check_hostname requires server_hostname");
    return TlsTransport::create(loop, std::move(protocol), context ? context : default_client_context(),
                                server_hostname, options_.timeouts, std::move(waiter), begin);
  }

 private:
  const TlsClientOptions options_;
};

class ServerLayer final : public TlsServerLayer {
 public:
  explicit ServerLayer(TlsServerOptions options) : options_(std::move(options)) {}

  [[nodiscard]] Wrapped wrap(EventLoop& loop, Ref<BaseProtocol> protocol, const std::string& /*server_hostname*/,
                             Future<void> waiter, Begin begin) const override {
    return TlsTransport::create(loop, std::move(protocol), options_.context, {}, options_.timeouts, std::move(waiter),
                                begin);
  }

 private:
  const TlsServerOptions options_;
};

}  // namespace

TlsClient tls_client(TlsClientOptions options) {
  check(options.timeouts);
  if (options.context && options.context.is_server())
    throw ValueError("Cannot create a client socket with a PROTOCOL_TLS_SERVER context");
  return std::make_shared<ClientLayer>(std::move(options));
}

TlsServer tls_server(TlsServerOptions options) {
  check(options.timeouts);
  if (!options.context) throw ValueError("Server side SSL needs a valid SSLContext");
  if (!options.context.is_server())
    throw ValueError("Cannot create a server socket with a PROTOCOL_TLS_CLIENT context");
  return std::make_shared<ServerLayer>(std::move(options));
}

std::string seconds_text(Duration duration) {
  std::array<char, 32> text{};
  const auto [end, _] =
      std::to_chars(text.data(), text.data() + text.size(), std::chrono::duration<double>(duration).count());
  return {text.data(), end};
}

}  // namespace evloop
