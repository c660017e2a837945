#include "net/tls/certificate.h"

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <string_view>

#include "net/socket_address.h"
#include "net/tls/openssl_ptr.h"

namespace evloop {
namespace {

std::string name_text(const X509_NAME* name) {
  const OpenSslPtr<BIO, BIO_free> memory(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string_view content(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string address_text(std::string_view address) {
  if (address.size() == 4) {
    sockaddr_in ip{};
    ip.sin_family = AF_INET;
    address.copy(reinterpret_cast<char*>(&ip.sin_addr), address.size());
    return SocketAddress(reinterpret_cast<const sockaddr*>(&ip), sizeof ip).host();
  }
  if (address.size() == 16) {
    sockaddr_in6 ip{};
    ip.sin6_family = AF_INET6;
    address.copy(reinterpret_cast<char*>(&ip.sin6_addr), address.size());
    return SocketAddress(reinterpret_cast<const sockaddr*>(&ip), sizeof ip).host();
  }
  return "<invalid>";
}

std::vector<std::string> alternative_names(const X509& certificate) {
  std::vector<std::string> texts;
  const OpenSslPtr<GENERAL_NAMES, GENERAL_NAMES_free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(const_cast<X509*>(&certificate), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* const name = sk_GENERAL_NAME_value(names.get(), i);
    switch (name->type) {
      case GEN_DNS: texts.push_back("DNS:" + std::string(content(name->d.dNSName))); break;
      case GEN_IPADD: texts.push_back("IP Address:" + address_text(content(name->d.iPAddress))); break;
      case GEN_URI: texts.push_back("URI:" + std::string(content(name->d.uniformResourceIdentifier))); break;
      case GEN_EMAIL: texts.push_back("email:" + std::string(content(name->d.rfc822Name))); break;
      default: break;  // directory names and the like, which nobody connects to
    }
  }
  return texts;
}

std::chrono::sys_seconds time_point(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

std::string hexadecimal(const ASN1_INTEGER* number) {
  const OpenSslPtr<BIGNUM, BN_free> big(ASN1_INTEGER_to_BN(number, nullptr));
  char* const digits = big ? BN_bn2hex(big.get()) : nullptr;
  if (!digits) return {};
  std::string text = digits;
  OPENSSL_free(digits);
  return text;
}

}  // namespace

Certificate describe_certificate(const X509& certificate) {
  return {.subject = name_text(X509_get_subject_name(&certificate)),
          .issuer = name_text(X509_get_issuer_name(&certificate)),
          .subject_alt_names = alternative_names(certificate),
          .serial_number = hexadecimal(X509_get0_serialNumber(&certificate)),
          .not_before = time_point(X509_get0_notBefore(&certificate)),
          .not_after = time_point(X509_get0_notAfter(&certificate))};
}

}  // namespace evloop
