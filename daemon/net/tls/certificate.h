#pragma once

#include <openssl/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace evloop {

// What a certificate says. A value type; any thread.
struct Certificate {
  std::string subject;  // as RFC 2253 writes names: "CN=localhost,O=Example"
  std::string issuer;
  std::vector<std::string> subject_alt_names;  // "DNS:localhost", "IP Address:127.0.0.1", "URI:...", "email:..."
  std::string serial_number;                   // hexadecimal
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;
};

[[nodiscard]] Certificate describe_certificate(const X509& certificate);

}  // namespace evloop
