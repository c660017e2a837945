#include "net/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "aio/errors.h"
#include "net/os_error.h"
#include "net/tls/tls_context_state.h"
#include "net/tls/tls_error.h"
#include "net/tls/tls_session.h"

namespace evloop {
namespace {

using Bio = OpenSslPtr<BIO, BIO_free>;
using X509Ptr = OpenSslPtr<X509, X509_free>;

// "certificate chain '/etc/x.pem'"
std::string described(const char* what, const Pem& pem) {
  return pem.path.empty() ? std::string(what) + " (given as text)" : std::string(what) + " '" + pem.path + "'";
}

Bio open(const char* what, const Pem& pem) {
  ERR_clear_error();
  Bio bio(pem.path.empty() ? BIO_new_mem_buf(pem.content.data(), static_cast<int>(pem.content.size()))
                           : BIO_new_file(pem.path.c_str(), "r"));
  if (bio) return bio;
  const int error = errno;
  ERR_clear_error();
  throw OsError(error, "cannot read " + described(what, pem) + ": " + error_text(error));
}

[[noreturn]] void cannot_use(const char* what, const Pem& pem) {
  throw take_tls_error("cannot use " + described(what, pem));
}

// The next certificate; null after the last. Throws for one that is broken, or if there is none at all.
X509Ptr read_certificate(const char* what, const Pem& pem, BIO* bio, bool first) {
  X509Ptr certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
  if (certificate) return certificate;
  if (first || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) cannot_use(what, pem);
  ERR_clear_error();
  return {};
}

// Without one OpenSSL would ask the terminal for a password.
int give_password(char* buffer, int size, int, void* user) {
  const auto& password = *static_cast<const std::string*>(user);
  if (password.empty() || password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, password.data(), password.size());
  return static_cast<int>(password.size());
}

int verify_flags(TlsVerify verify) {
  switch (verify) {
    case TlsVerify::none: return SSL_VERIFY_NONE;
    case TlsVerify::optional: return SSL_VERIFY_PEER;
    case TlsVerify::required: break;
  }
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

}  // namespace

TlsContext::State::State(const SSL_METHOD* method) : context_(SSL_CTX_new(method)) {
  if (!context_) throw take_tls_error("cannot make a TLS context");
  SSL_CTX_set_app_data(get(), this);
  // An idle connection holds no buffers, and one that waits to write may be given the data from another place.
  SSL_CTX_set_mode(get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
}

TlsContext::State::State(const TlsClientSettings& settings) : State(TLS_client_method()) {
  checks_hostname_ = settings.check_hostname && settings.verify != TlsVerify::none;
  set_minimum_version(settings.minimum_version);
  SSL_CTX_set_verify(get(), verify_flags(settings.verify), nullptr);
  if (settings.verify != TlsVerify::none) trust(settings.ca);
  if (!settings.identity.certificate_chain.empty()) use_identity(settings.identity);
  set_alpn(settings.alpn);
  if (!alpn_.empty())
    SSL_CTX_set_alpn_protos(get(), reinterpret_cast<const unsigned char*>(alpn_.data()),
                            static_cast<unsigned>(alpn_.size()));
  if (settings.resume_sessions) {
    SSL_CTX_set_session_cache_mode(get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(get(), keep_session);
  }
}

TlsContext::State::State(const TlsServerSettings& settings) : State(TLS_server_method()) {
  is_server_ = true;
  context_for_ = settings.context_for;
  if (settings.identity.certificate_chain.empty()) throw ValueError("a TLS server needs a certificate chain");
  use_identity(settings.identity);
  set_minimum_version(settings.minimum_version);
  SSL_CTX_set_options(get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_verify(get(), verify_flags(settings.verify), nullptr);
  if (settings.verify != TlsVerify::none) trust(settings.client_ca);
  set_alpn(settings.alpn);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(get(), choose_protocol, this);
  if (context_for_) {
    SSL_CTX_set_tlsext_servername_callback(get(), choose_context);
    SSL_CTX_set_tlsext_servername_arg(get(), this);
  }
  if (settings.resume_sessions) {
    // Without a name for what they are good for, sessions of clients with certificates would be refused.
    constexpr std::string_view purpose = "evloop";
    if (settings.tickets_of) share_tickets(settings.tickets_of.state());
    SSL_CTX_set_session_id_context(get(), reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size());
  } else {
    SSL_CTX_set_session_cache_mode(get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(get(), 0);
  }
}

void TlsContext::State::share_tickets(const State& other) {
  std::array<unsigned char, 128> keys;
  const auto size = SSL_CTX_get_tlsext_ticket_keys(other.get(), nullptr, 0);
  if (size <= 0 || static_cast<std::size_t>(size) > keys.size() ||
      SSL_CTX_get_tlsext_ticket_keys(other.get(), keys.data(), size) != 1 ||
      SSL_CTX_set_tlsext_ticket_keys(get(), keys.data(), size) != 1)
    throw take_tls_error("cannot take over the keys of session tickets");
  OPENSSL_cleanse(keys.data(), keys.size());
}

void TlsContext::State::set_minimum_version(TlsVersion version) {
  SSL_CTX_set_min_proto_version(get(), version == TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
}

void TlsContext::State::use_identity(const TlsIdentity& identity) {
  constexpr auto chain = "certificate chain";
  const auto& certificates = identity.certificate_chain;
  const auto bio = open(chain, certificates);
  const auto own = read_certificate(chain, certificates, bio.get(), true);
  if (SSL_CTX_use_certificate(get(), own.get()) != 1) cannot_use(chain, certificates);
  while (auto next = read_certificate(chain, certificates, bio.get(), false))
    if (SSL_CTX_add1_chain_cert(get(), next.get()) != 1) cannot_use(chain, certificates);

  constexpr auto what = "private key";
  const auto& key = identity.private_key.empty() ? certificates : identity.private_key;
  const OpenSslPtr<EVP_PKEY, EVP_PKEY_free> private_key(PEM_read_bio_PrivateKey(
      open(what, key).get(), nullptr, give_password, const_cast<std::string*>(&identity.password)));
  if (!private_key || SSL_CTX_use_PrivateKey(get(), private_key.get()) != 1) cannot_use(what, key);
  if (SSL_CTX_check_private_key(get()) != 1) cannot_use(what, key);
}

void TlsContext::State::trust(const Pem& ca) {
  if (ca.empty()) {
    if (SSL_CTX_set_default_verify_paths(get()) != 1) throw take_tls_error("cannot use the system's certificates");
    return;
  }
  constexpr auto what = "CA certificates";
  const auto bio = open(what, ca);
  auto* const store = SSL_CTX_get_cert_store(get());
  for (bool first = true; const auto certificate = read_certificate(what, ca, bio.get(), first); first = false) {
    if (X509_STORE_add_cert(store, certificate.get()) != 1) cannot_use(what, ca);
    // A server tells its clients whose certificates it takes.
    if (is_server_ && SSL_CTX_add_client_CA(get(), certificate.get()) != 1) cannot_use(what, ca);
  }
}

void TlsContext::State::set_alpn(const std::vector<std::string>& protocols) {
  for (const auto& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) throw ValueError("ALPN protocols must be 1 to 255 bytes long");
    alpn_ += static_cast<char>(protocol.size());
    alpn_ += protocol;
  }
}

int TlsContext::State::choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                                       const unsigned char* offered, unsigned offered_size, void* state) noexcept {
  const auto& ours = static_cast<const State*>(state)->alpn_;
  unsigned char* selected = nullptr;
  const int result = SSL_select_next_proto(&selected, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, offered_size);
  *chosen = selected;
  // Without one in common the connection goes on without any, as Python's does.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int TlsContext::State::choose_context(SSL* ssl, int* alert, void* state) noexcept {
  try {
    const auto* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    auto chosen = static_cast<const State*>(state)->context_for_(name ? name : "");
    if (chosen) TlsSession::of(*ssl).switch_to(std::move(chosen));
    return SSL_TLSEXT_ERR_OK;
  } catch (...) {  // no exception may pass through OpenSSL
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
}

int TlsContext::State::keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
  auto* const state = static_cast<State*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const auto& server = TlsSession::of(*ssl).server_name();
  if (server.empty()) return 0;
  state->sessions_.put(server, SessionCache::Session(session));
  return 1;  // it is ours
}

TlsContext TlsContext::client(const TlsClientSettings& settings) {
  return TlsContext(std::make_shared<State>(settings));
}

TlsContext TlsContext::client() { return client(TlsClientSettings{}); }

TlsContext TlsContext::server(const TlsServerSettings& settings) {
  return TlsContext(std::make_shared<State>(settings));
}

Certificate TlsContext::certificate() const { return describe_certificate(*SSL_CTX_get0_certificate(state_->get())); }
bool TlsContext::is_server() const noexcept { return state_->is_server(); }
bool TlsContext::checks_hostname() const noexcept { return state_->checks_hostname(); }

}  // namespace evloop
