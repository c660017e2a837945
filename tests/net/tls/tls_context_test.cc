#include "net/tls/tls_context.h"

#include "net/os_error.h"
#include "net/tls/tls_test.h"

namespace evloop {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class TlsContextTest : public testing::Test {
 protected:
  template <class E, class F>
  static std::string error_of(F function) {
    try {
      static_cast<void>(function());
    } catch (const E& error) {
      return error.what();
    }
    return "no error of this type";
  }
  static std::string server_error(TlsIdentity identity) {
    return error_of<TlsError>([&] { return TlsContext::server({.identity = std::move(identity)}); });
  }

  Folder folder_;
};

TEST_F(TlsContextTest, IsMadeOfFilesOrOfText) {
  const auto& issued = TestTls::localhost();
  const auto chain = folder_.write("chain.pem", issued.certificate + TestTls::ca().certificate());
  const auto key = folder_.write("key.pem", issued.key);
  EXPECT_TRUE(TlsContext::server({.identity = {.certificate_chain = Pem::file(chain), .private_key = Pem::file(key)}}));
  const auto both = folder_.write("both.pem", issued.certificate + issued.key);
  EXPECT_TRUE(TlsContext::server({.identity = {.certificate_chain = Pem::file(both)}}));
  const auto ca = folder_.write("ca.pem", TestTls::ca().certificate());
  EXPECT_TRUE(TlsContext::client({.ca = Pem::file(ca)}));
  EXPECT_TRUE(TlsContext::client());  // whom the system trusts
}

TEST_F(TlsContextTest, AMissingFileIsNamedWithTheSystemsReason) {
  const auto path = folder_.path("nothing.pem");
  const auto make = [&] { return TlsContext::client({.ca = Pem::file(path)}); };
  EXPECT_EQ(error_of<OsError>(make), "cannot read CA certificates '" + path + "': No such file or directory");
}

TEST_F(TlsContextTest, AFileThatIsNoPemIsNamedWithOpenSslsReason) {
  const auto path = folder_.write("nonsense.pem", "nonsense\n");
  EXPECT_EQ(server_error({.certificate_chain = Pem::file(path)}),
            "cannot use certificate chain '" + path + "': [PEM routines: NO_START_LINE] no start line");
  const auto& issued = TestTls::localhost();
  EXPECT_THAT(server_error({.certificate_chain = Pem::text(issued.certificate), .private_key = Pem::file(path)}),
              StartsWith("cannot use private key '" + path + "': ["));
  const auto broken = folder_.write("broken.pem", issued.certificate + "-----BEGIN CERTIFICATE-----\nMII\n");
  EXPECT_THAT(server_error({.certificate_chain = Pem::file(broken)}), HasSubstr("certificate chain '" + broken + "'"));
}

TEST_F(TlsContextTest, AKeyOfAnotherCertificateIsRefused) {
  const auto other = TestTls::ca().issue("other", "DNS:other");
  const auto key = folder_.write("other.pem", other.key);
  EXPECT_THAT(
      server_error({.certificate_chain = Pem::text(TestTls::localhost().certificate), .private_key = Pem::file(key)}),
      AllOf(HasSubstr("private key '" + key + "'"), HasSubstr("key values mismatch")));
}

TEST_F(TlsContextTest, AnEncryptedKeyNeedsItsPassword) {
  const auto& issued = TestTls::localhost();
  TlsIdentity identity{.certificate_chain = Pem::text(issued.certificate),
                       .private_key = Pem::text(TestCa::encrypted(issued.key, "open sesame"))};
  EXPECT_THAT(server_error(identity), StartsWith("cannot use private key (given as text): ["));
  identity.password = "open barley";
  EXPECT_THAT(server_error(identity), StartsWith("cannot use private key (given as text): ["));
  identity.password = "open sesame";
  EXPECT_TRUE(TlsContext::server({.identity = identity}));
}

TEST_F(TlsContextTest, AServerNeedsACertificate) {
  EXPECT_EQ(error_of<ValueError>([] { return TlsContext::server({.identity = {}}); }),
            "a TLS server needs a certificate chain");
}

TEST_F(TlsContextTest, AServerNeedsAContextAndAClientHasADefaultOne) {  // TLS-02
  EXPECT_EQ(error_of<ValueError>([] { return tls_server({.context = {}}); }),
            "Server side SSL needs a valid SSLContext");
  EXPECT_TRUE(tls_client());
  EXPECT_EQ(error_of<ValueError>([] { return tls_server({.context = TestTls::client()}); }),
            "Cannot create a server socket with a PROTOCOL_TLS_CLIENT context");
  EXPECT_EQ(error_of<ValueError>([] { return tls_client({.context = TestTls::server()}); }),
            "Cannot create a client socket with a PROTOCOL_TLS_SERVER context");
}

TEST_F(TlsContextTest, TimeoutsArePositive) {  // TLS-02
  EXPECT_EQ(error_of<ValueError>([] { return tls_client({.timeouts = {.handshake = Duration::zero()}}); }),
            "ssl_handshake_timeout should be a positive number, got 0");
  EXPECT_EQ(error_of<ValueError>([] { return tls_client({.timeouts = {.handshake = -10s}}); }),
            "ssl_handshake_timeout should be a positive number, got -10");
  EXPECT_EQ(
      error_of<ValueError>([] { return tls_server({.context = TestTls::server(), .timeouts = {.shutdown = -500ms}}); }),
      "ssl_shutdown_timeout should be a positive number, got -0.5");
}

TEST_F(TlsContextTest, AnAlpnProtocolHasALengthThatFitsAByte) {
  auto settings = TestTls::client_settings();
  settings.alpn = {std::string(256, 'h')};
  EXPECT_THROW(static_cast<void>(TlsContext::client(settings)), ValueError);
  settings.alpn = {""};
  EXPECT_THROW(static_cast<void>(TlsContext::client(settings)), ValueError);
}

}  // namespace
}  // namespace evloop
