#include "workloads/dns/dns_error.h"

#include <ares.h>

#include <string>

namespace evloopd::workloads {
namespace {

class DnsCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "dns"; }
  [[nodiscard]] std::string message(int code) const override { return ares_strerror(code); }
};

}  // namespace

const std::error_category& dns_category() noexcept {
  static const DnsCategory category;
  return category;
}

}  // namespace evloopd::workloads
