#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "net/connection.h"
#include "net/net_test.h"
#include "net/recorder.h"
#include "net/server.h"
#include "net/streams.h"
#include "net/tls/certificates.h"
#include "net/tls/tls.h"
#include "net/tls/tls_error.h"
#include "net/tls/tls_session.h"
#include "net/transport_test.h"

namespace evloop {

// Certificates for "localhost", and contexts that use them. Those of OpenSSL are made once for all tests.
struct TestTls {
  static const TestCa& ca() {
    static const TestCa one;
    return one;
  }
  static const Issued& localhost() {
    static const auto one = ca().issue("localhost", "DNS:localhost,IP:127.0.0.1");
    return one;
  }
  static TlsIdentity identity(const Issued& issued) {
    return {.certificate_chain = Pem::text(issued.certificate), .private_key = Pem::text(issued.key)};
  }
  static const TlsContext& server() {
    static const auto one = TlsContext::server({.identity = identity(localhost())});
    return one;
  }
  // Sessions are not resumed, so that no test knows of another.
  static const TlsContext& client() {
    static const auto one = TlsContext::client({.ca = Pem::text(ca().certificate()), .resume_sessions = false});
    return one;
  }
  static TlsClientSettings client_settings() { return {.ca = Pem::text(ca().certificate())}; }
  static TlsServerSettings server_settings() { return {.identity = identity(localhost())}; }
};

// One side of a connection over TLS in the test's own loop.
struct Side {
  Ref<Recorder> protocol{new Recorder};
  Ref<Transport> transport{};     // that of TLS
  Ref<SocketTransport> socket{};  // the one below
  Future<void> made{};            // the handshake's
  [[nodiscard]] bool is_made() const { return made.done() && !made.cancelled() && !made.exception(); }
  [[nodiscard]] const TlsSession& tls() const { return *transport->tls(); }
};

class TlsTest : public NetTest {
 protected:
  using NetTest::NetTest;

  static TlsClient client_layer(TlsTimeouts timeouts = {}) {
    return tls_client({.context = TestTls::client(), .server_hostname = "localhost", .timeouts = timeouts});
  }
  static TlsServer server_layer(TlsTimeouts timeouts = {}) {
    return tls_server({.context = TestTls::server(), .timeouts = timeouts});
  }

  // Puts a side on a connected socket.
  void begin(Side& side, TlsUse tls, UniqueFd fd) {
    side.made = loop_.create_future();
    auto [below, transport] = tls.layer->wrap(loop_, side.protocol, tls.server_hostname, side.made);
    side.transport = transport;
    side.socket = SocketTransport::create(loop_, std::move(fd), below);
  }
  void begin(Side& side, const TlsClient& client, UniqueFd fd) { begin(side, tls_to(client, ""), std::move(fd)); }
  void begin(Side& side, const TlsServer& server, UniqueFd fd) { begin(side, TlsUse{server}, std::move(fd)); }
  // Both sides, the handshake done.
  void connect(const TlsClient& client = client_layer(), const TlsServer& server = server_layer()) {
    auto [mine, theirs] = socket_pair();
    begin(client_, client, std::move(mine));
    begin(server_, server, std::move(theirs));
    turn_until([&] { return client_.made.done() && server_.made.done(); });
    ASSERT_TRUE(client_.is_made());
    ASSERT_TRUE(server_.is_made());
    turn(4);  // what a server sends after the handshake: tickets
  }
  void turn_until_lost() {
    turn_until([&] { return client_.protocol->lost && server_.protocol->lost; });
  }
  template <class E, class T>
  std::string error_of(Coro<T> coro) {
    try {
      static_cast<void>(run(std::move(coro)));
    } catch (const E& error) {
      return error.what();
    }
    return "no error of this type";
  }
  static std::string text_of(const std::exception_ptr& error) {
    if (!error) return "none";
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      return e.what();
    }
  }
  static SocketAddress address(const Server& server) { return server.sockets().at(0).address; }
  static std::ptrdiff_t open_fds() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  }

  Side client_;
  Side server_;
};

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string path = "/tmp/evloop-tls-XXXXXX";
    if (!::mkdtemp(path.data())) std::abort();
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string path(const char* name) const { return path_ + "/" + name; }
  std::string write(const char* name, const std::string& content) const {
    std::ofstream(path(name)) << content;
    return path(name);
  }

 private:
  std::string path_;
};

}  // namespace evloop
