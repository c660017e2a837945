#pragma once

#include <string>
#include <system_error>

namespace evloop {

// What OpenSSL refused: a handshake, a record, a file (Python: ssl.SSLError, which is an OSError). The code is
// OpenSSL's reason, in tls_category().
class TlsError : public std::system_error {
 public:
  TlsError(int reason, std::string text);
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

// The peer's certificate is not to be trusted (Python: ssl.SSLCertVerificationError).
class CertificateError final : public TlsError {
 public:
  CertificateError(int reason, const std::string& text, long code, std::string message)
      : TlsError(reason, text), verify_code(code), verify_message(std::move(message)) {}
  long verify_code;            // X509_V_ERR_...
  std::string verify_message;  // "self-signed certificate", "Hostname mismatch, ..."
};

[[nodiscard]] const std::error_category& tls_category() noexcept;

// The last error that OpenSSL noted on this thread: "[SSL: WRONG_VERSION_NUMBER] wrong version number", after `what`
// and a colon if there is one.
[[nodiscard]] TlsError take_tls_error(const std::string& what = {});

}  // namespace evloop
