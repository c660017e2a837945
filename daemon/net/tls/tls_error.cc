#include "net/tls/tls_error.h"

#include <openssl/err.h>

#include <cctype>
#include <utility>

namespace evloop {
namespace {

const char* reason_text(unsigned long code) {
  const auto* const text = ERR_reason_error_string(code);
  return text ? text : "unknown error";
}

// As Python names it: OpenSSL's texts are its names, spelt out.
std::string reason_name(const char* text) {
  std::string name;
  for (; *text; ++text)
    name += std::isalnum(static_cast<unsigned char>(*text))
                ? static_cast<char>(std::toupper(static_cast<unsigned char>(*text)))
                : '_';
  return name;
}

std::string library_name(unsigned long code) {
  if (ERR_GET_LIB(code) == ERR_LIB_SSL) return "SSL";
  const auto* const name = ERR_lib_error_string(code);
  return name ? name : "OpenSSL";
}

class Category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tls"; }
  [[nodiscard]] std::string message(int reason) const override {
    return reason_text(ERR_PACK(ERR_LIB_SSL, 0, static_cast<unsigned long>(reason)));
  }
};

}  // namespace

const std::error_category& tls_category() noexcept {
  static const Category category;
  return category;
}

TlsError::TlsError(int reason, std::string text) : std::system_error(reason, tls_category()), text_(std::move(text)) {}

TlsError take_tls_error(const std::string& what) {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const auto* const text = reason_text(code);
  auto description = "[" + library_name(code) + ": " + reason_name(text) + "] " + text;
  return {ERR_GET_REASON(code), what.empty() ? std::move(description) : what + ": " + description};
}

}  // namespace evloop
