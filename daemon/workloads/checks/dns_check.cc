#include "workloads/checks/dns_check.h"

#include <algorithm>

#include "aio/errors.h"
#include "workloads/dns/dns_client.h"

namespace evloopd::workloads {
namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

}  // namespace

evloop::Coro<std::string> ask_dns(const CheckOptions& options, const std::vector<std::string>& servers) {
  DnsClient client(evloop::get_running_loop(), {.servers = servers, .timeout = options.timeout});
  auto come = co_await client.records(options.query, options.type);
  std::ranges::sort(come);
  auto wanted = options.answers;
  std::ranges::sort(wanted);
  if (!wanted.empty() && come != wanted)
    throw evloop::ValueError("answers " + joined(come) + " instead of " + joined(wanted));
  co_return "answers " + joined(come);
}

}  // namespace evloopd::workloads
