#pragma once

#include <openssl/ssl.h>

#include <string>

#include "net/tls/openssl_ptr.h"
#include "net/tls/session_cache.h"
#include "net/tls/tls_context.h"

namespace evloop {

// What the copies of a TlsContext share. Its SSL_CTX knows it by its address. Any thread; the rest is constant after
// construction, the cache locks.
class TlsContext::State {
 public:
  explicit State(const TlsClientSettings& settings);
  explicit State(const TlsServerSettings& settings);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] SSL_CTX* get() const noexcept { return context_.get(); }
  [[nodiscard]] bool is_server() const noexcept { return is_server_; }
  [[nodiscard]] bool checks_hostname() const noexcept { return checks_hostname_; }
  [[nodiscard]] SessionCache& sessions() noexcept { return sessions_; }

 private:
  explicit State(const SSL_METHOD* method);
  void share_tickets(const State& other);
  void set_minimum_version(TlsVersion version);
  void use_identity(const TlsIdentity& identity);
  void trust(const Pem& ca);
  void set_alpn(const std::vector<std::string>& protocols);

  static int choose_context(SSL* ssl, int* alert, void* state) noexcept;
  static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                             unsigned offered_size, void* state) noexcept;
  static int keep_session(SSL* ssl, SSL_SESSION* session) noexcept;

  const OpenSslPtr<SSL_CTX, SSL_CTX_free> context_;
  bool is_server_ = false;
  bool checks_hostname_ = false;
  std::string alpn_;  // each with its length in front
  std::function<TlsContext(std::string_view)> context_for_;
  SessionCache sessions_;  // of a client
};

}  // namespace evloop
