#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/tls/certificate.h"

namespace evloop {

class TlsContext;
struct TlsServerSettings;
struct TlsClientSettings;

// Something written as PEM: a file, or the text itself.
struct Pem {
  [[nodiscard]] static Pem file(std::string path) { return {std::move(path), {}}; }
  [[nodiscard]] static Pem text(std::string content) { return {{}, std::move(content)}; }
  [[nodiscard]] bool empty() const noexcept { return path.empty() && content.empty(); }

  std::string path{};
  std::string content{};
};

// Who this side is.
struct TlsIdentity {
  Pem certificate_chain{};  // its own certificate first, then those up to what the peer trusts
  Pem private_key{};        // empty: it stands where the certificates do
  std::string password{};   // of the key
};

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };
// Whether the peer needs a certificate that can be trusted: never, if it shows one at all, always.
enum class TlsVerify : std::uint8_t { none, optional, required };

// What connections over TLS have in common: certificates, whom to trust, protocols (Python: ssl.SSLContext). A value
// that shares what it is made of; immutable; any thread. Making one reads files, so not in a loop that is in a hurry.
class TlsContext {
 public:
  class State;

  TlsContext() noexcept = default;  // none at all
  // Each throws TlsError or std::system_error, naming the file, with OpenSSL's or the system's reason; ValueError.
  [[nodiscard]] static TlsContext client(const TlsClientSettings& settings);
  [[nodiscard]] static TlsContext client();  // with the default settings
  [[nodiscard]] static TlsContext server(const TlsServerSettings& settings);

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }
  // Not of an empty one.
  [[nodiscard]] Certificate certificate() const;  // its own; not of one without identity
  [[nodiscard]] bool is_server() const noexcept;
  [[nodiscard]] bool checks_hostname() const noexcept;
  [[nodiscard]] State& state() const noexcept { return *state_; }
  friend bool operator==(const TlsContext&, const TlsContext&) = default;

 private:
  explicit TlsContext(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

struct TlsClientSettings {
  Pem ca{};  // whom to trust; empty: whom the system trusts
  TlsVerify verify = TlsVerify::required;
  bool check_hostname = true;  // if the certificate is verified, it must be for the server's name
  TlsIdentity identity{};      // for servers that ask; empty: nobody
  std::vector<std::string> alpn{};
  TlsVersion minimum_version = TlsVersion::tls_1_2;
  bool resume_sessions = true;
};

struct TlsServerSettings {
  TlsIdentity identity;
  Pem client_ca{};  // whom to trust; empty: whom the system trusts
  TlsVerify verify = TlsVerify::none;
  std::vector<std::string> alpn{};  // the first that the client speaks too is chosen
  TlsVersion minimum_version = TlsVersion::tls_1_2;
  bool resume_sessions = true;
  // One that this is to replace: its clients may resume their sessions here.
  TlsContext tickets_of{};
  // The context to serve a client with who asks for this name (SNI; empty: for none): an empty one for this. It throws
  // to refuse the client. Called on the thread of the connection's loop.
  std::function<TlsContext(std::string_view server_name)> context_for{};
};

}  // namespace evloop
