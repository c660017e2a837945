#include "net/tls/tls_session.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <utility>

#include "aio/errors.h"
#include "net/tls/tls_context_state.h"
#include "net/tls/tls_error.h"

namespace evloop {
namespace {

bool is_ip_address(const std::string& name) {
  const OpenSslPtr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> address(a2i_IPADDRESS(name.c_str()));
  ERR_clear_error();
  return static_cast<bool>(address);
}

// In Python's words.
std::string verify_text(long code, const std::string& server_name) {
  if (code == X509_V_ERR_HOSTNAME_MISMATCH)
    return "Hostname mismatch, certificate is not valid for '" + server_name + "'.";
  if (code == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return "IP address mismatch, certificate is not valid for '" + server_name + "'.";
  return X509_verify_cert_error_string(code);
}

}  // namespace

TlsSession::TlsSession(TlsContext context, std::string server_name)
    : context_(std::move(context)), server_name_(std::move(server_name)), ssl_(SSL_new(context_.state().get())) {
  if (!ssl_) throw take_tls_error();
  SSL_set_app_data(ssl_.get(), this);
  auto* const bio = records_.make();
  SSL_set_bio(ssl_.get(), bio, bio);
  if (is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    if (!server_name_.empty()) expect_server();
  }
}

void TlsSession::expect_server() {
  if (server_name_.starts_with('.') || server_name_.find('\0') != std::string::npos)
    throw ValueError("server_hostname cannot be an empty string or start with a leading dot.");
  const bool is_ip = is_ip_address(server_name_);
  // Addresses are no names (RFC 6066).
  if (!is_ip && SSL_set_tlsext_host_name(ssl_.get(), server_name_.c_str()) != 1) throw take_tls_error(server_name_);
  if (context_.checks_hostname()) {
    auto* const parameters = SSL_get0_param(ssl_.get());
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(parameters, server_name_.c_str())
                          : X509_VERIFY_PARAM_set1_host(parameters, server_name_.data(), server_name_.size());
    if (set != 1) throw take_tls_error(server_name_);
  }
  if (const auto session = context_.state().sessions().take(server_name_)) SSL_set_session(ssl_.get(), session.get());
}

TlsSession& TlsSession::of(const SSL& ssl) noexcept { return *static_cast<TlsSession*>(SSL_get_app_data(&ssl)); }

void TlsSession::switch_to(TlsContext context) {
  auto* const other = context.state().get();
  if (!context.is_server() || !SSL_set_SSL_CTX(ssl_.get(), other))
    throw ValueError("Server side SSL needs a valid SSLContext");
  // OpenSSL takes over the certificates only.
  SSL_set_verify(ssl_.get(), SSL_CTX_get_verify_mode(other), nullptr);
  SSL_set_min_proto_version(ssl_.get(), static_cast<int>(SSL_CTX_get_min_proto_version(other)));
  context_ = std::move(context);
}

// --- what is known ---

std::string_view TlsSession::version() const noexcept { return SSL_get_version(ssl_.get()); }
std::string_view TlsSession::cipher() const noexcept { return SSL_get_cipher_name(ssl_.get()); }

std::string_view TlsSession::alpn_protocol() const noexcept {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  return {reinterpret_cast<const char*>(protocol), size};
}

std::optional<Certificate> TlsSession::peer_certificate() const {
  const auto* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (!certificate) return std::nullopt;
  return describe_certificate(*certificate);
}

bool TlsSession::is_resumed() const noexcept { return SSL_session_reused(ssl_.get()) == 1; }

bool TlsSession::peer_has_closed() const noexcept {
  return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

// --- the work ---

bool TlsSession::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    const auto* const name = is_server() ? SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name) : nullptr;
    if (name) server_name_ = name;
    return true;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error != SSL_ERROR_WANT_READ) fail(error);
  return false;
}

bool TlsSession::has_input() const noexcept { return records_.input_size() > 0 || SSL_has_pending(ssl_.get()) == 1; }

TlsSession::Read TlsSession::read(std::span<std::byte> buffer, std::size_t& count) {
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
  if (result == 1) return Read::data;
  switch (const int error = SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Read::wait;
    case SSL_ERROR_ZERO_RETURN: return Read::closed;
    default: fail(error);
  }
}

std::size_t TlsSession::write(std::span<const std::byte> data) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), data.data(), data.size(), &count);
  if (result == 1) return count;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error != SSL_ERROR_WANT_READ) fail(error);
  return 0;
}

void TlsSession::send_close_notify() {
  if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  if (result < 0) fail(SSL_get_error(ssl_.get(), result));
}

bool TlsSession::drain() {
  std::array<std::byte, 4096> nowhere;
  std::size_t count = 0;
  while (has_input() && read(nowhere, count) == Read::data) continue;
  return peer_has_closed();
}

void TlsSession::fail(int error) {
  const auto code = ERR_peek_last_error();
  if (error == SSL_ERROR_SYSCALL && code == 0) throw std::bad_alloc();  // all that RecordBio can fail with
  if (ERR_GET_LIB(code) != ERR_LIB_SSL || ERR_GET_REASON(code) != SSL_R_CERTIFICATE_VERIFY_FAILED)
    throw take_tls_error();
  const auto verify_code = SSL_get_verify_result(ssl_.get());
  auto message = verify_text(verify_code, server_name_);
  const auto text = std::string(take_tls_error().what()) + ": " + message;
  throw CertificateError(ERR_GET_REASON(code), text, verify_code, std::move(message));
}

}  // namespace evloop
