#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/tls/certificate.h"
#include "net/tls/openssl_ptr.h"
#include "net/tls/record_bio.h"
#include "net/tls/tls_context.h"

namespace evloop {

// One connection's TLS, without any I/O: bytes that came go in at one end, bytes to be sent come out there, and what
// they mean is read and written at the other (Python: ssl.SSLObject). Its const part is what Transport::tls() shows:
// asyncio's extra info. It stays readable after the connection is lost. Loop thread only.
class TlsSession {
 public:
  // `server_name`: of a client, whom it wants; empty: anybody. Throws ValueError for a name that cannot be one.
  TlsSession(TlsContext context, std::string server_name);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // --- what is known, complete after the handshake ---

  [[nodiscard]] const TlsContext& context() const noexcept { return context_; }
  [[nodiscard]] bool is_server() const noexcept { return context_.is_server(); }
  [[nodiscard]] std::string_view version() const noexcept;  // "TLSv1.3"
  [[nodiscard]] std::string_view cipher() const noexcept;   // "TLS_AES_256_GCM_SHA384"
  // Empty if none was agreed on.
  [[nodiscard]] std::string_view alpn_protocol() const noexcept;
  // As given to a client; on a server, the name that its client asked for (SNI), or empty.
  [[nodiscard]] const std::string& server_name() const noexcept { return server_name_; }
  // None if the peer showed none. Verified or not: that is the context's business.
  [[nodiscard]] std::optional<Certificate> peer_certificate() const;
  [[nodiscard]] bool is_resumed() const noexcept;
  // The peer said that it ends; a connection that ended without may have been cut off by a third.
  [[nodiscard]] bool peer_has_closed() const noexcept;

  // --- the work ---

  [[nodiscard]] RecordBio& records() noexcept { return records_; }
  [[nodiscard]] const RecordBio& records() const noexcept { return records_; }

  // Whether to read is worth the while: it makes OpenSSL get a buffer.
  [[nodiscard]] bool has_input() const noexcept;

  // Each throws TlsError. What is to be sent, an alert too, is in records() then.

  // True once it is complete, false if it needs more from the peer. Throws CertificateError.
  [[nodiscard]] bool handshake();
  enum class Read : std::uint8_t { data, wait, closed };
  // Some data, of which `count` bytes; or more has to come first; or the peer has closed.
  [[nodiscard]] Read read(std::span<std::byte> buffer, std::size_t& count);
  // How much was taken: all, but for what TLS has to wait for, then nothing.
  [[nodiscard]] std::size_t write(std::span<const std::byte> data);
  // Idempotent.
  void send_close_notify();
  // Drops what the peer sends; true once it has closed.
  [[nodiscard]] bool drain();

  // --- for the callbacks of the context ---

  [[nodiscard]] static TlsSession& of(const SSL& ssl) noexcept;
  // Serves as another server (SNI).
  void switch_to(TlsContext context);

 private:
  void expect_server();
  [[noreturn]] void fail(int error);

  TlsContext context_;
  std::string server_name_;
  RecordBio records_;
  const OpenSslPtr<SSL, SSL_free> ssl_;
};

}  // namespace evloop
