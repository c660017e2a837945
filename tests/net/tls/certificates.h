#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "net/tls/openssl_ptr.h"

namespace evloop {

using Key = OpenSslPtr<EVP_PKEY, EVP_PKEY_free>;
using X509Ptr = OpenSslPtr<X509, X509_free>;

// A certificate and its key, as PEM text.
struct Issued {
  std::string certificate;
  std::string key;
};

// An authority that the tests trust, made for them.
class TestCa {
 public:
  explicit TestCa(const char* name = "Test CA") : key_(EVP_EC_gen("P-256")) {
    root_ = make(name, nullptr, *key_, "critical,CA:TRUE", nullptr);
  }

  [[nodiscard]] std::string certificate() const { return pem(root_.get()); }
  // `names`: "DNS:localhost,IP:127.0.0.1"
  [[nodiscard]] Issued issue(const char* common_name, const char* names) const {
    const Key key(EVP_EC_gen("P-256"));
    const auto certificate = make(common_name, root_.get(), *key, "critical,CA:FALSE", names);
    return {pem(certificate.get()), pem(key.get())};
  }
  // PKCS #8, under a password.
  [[nodiscard]] static std::string encrypted(const std::string& key, const std::string& password) {
    const OpenSslPtr<BIO, BIO_free> in(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    const Key parsed(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    const OpenSslPtr<BIO, BIO_free> out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(out.get(), parsed.get(), EVP_aes_128_cbc(), password.data(),
                                  static_cast<int>(password.size()), nullptr, nullptr);
    return content(out.get());
  }

 private:
  static std::string content(BIO* bio) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
  }
  static std::string pem(X509* certificate) {
    const OpenSslPtr<BIO, BIO_free> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate);
    return content(bio.get());
  }
  static std::string pem(EVP_PKEY* key) {
    const OpenSslPtr<BIO, BIO_free> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return content(bio.get());
  }

  // Signed by the authority; without an issuer yet, by itself.
  [[nodiscard]] X509Ptr make(const char* common_name, X509* issuer, EVP_PKEY& key, const char* constraints,
                             const char* names) const {
    X509Ptr certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
    X509_set_pubkey(certificate.get(), &key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer ? issuer : certificate.get()));
    add(*certificate, issuer, NID_basic_constraints, constraints);
    add(*certificate, issuer, NID_subject_key_identifier, "hash");
    if (names) add(*certificate, issuer, NID_subject_alt_name, names);
    if (X509_sign(certificate.get(), key_.get(), EVP_sha256()) == 0) std::abort();
    return certificate;
  }
  static void add(X509& certificate, X509* issuer, int what, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : &certificate, &certificate, nullptr, nullptr, 0);
    const OpenSslPtr<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, &context, what, value));
    if (!extension || X509_add_ext(&certificate, extension.get(), -1) != 1) std::abort();
  }

  mutable long serial_ = 0;
  Key key_;
  X509Ptr root_;
};

}  // namespace evloop
