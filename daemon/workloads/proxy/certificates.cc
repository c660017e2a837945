#include "workloads/proxy/certificates.h"

#include <exception>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "net/tls/certificate.h"
#include "workloads/proxy/server_names.h"

namespace evloopd::workloads {
namespace {

constexpr std::string_view dns_name = "DNS:";

}  // namespace

Certificates::Certificates(ProxyTlsListen options, evloop::TlsTimeouts timeouts)
    : options_(std::move(options)), timeouts_(timeouts) {
  reload();
}

evloop::TlsServer Certificates::server() const {
  const std::lock_guard lock(mutex_);
  return server_;
}

void Certificates::reload() {
  const std::lock_guard lock(loading_);
  seen_ = stamps();  // also of files that cannot be used: they are not tried again until they change
  load();
}

bool Certificates::reload_if_changed() {
  const std::lock_guard lock(loading_);
  auto found = stamps();
  if (found == seen_) return false;
  seen_ = std::move(found);
  try {
    load();
    evloop::log(evloop::LogLevel::info, "tcp.proxy: certificates were read again: " + options_.certificates.front());
    return true;
  } catch (const std::exception& error) {
    evloop::log(
        evloop::LogLevel::error,
        std::string("tcp.proxy: certificates have changed and cannot be used, the old ones stay: ") + error.what());
    return false;
  }
}

void Certificates::load() {
  evloop::TlsServerSettings settings;
  if (!options_.client_ca.empty()) settings.client_ca = evloop::Pem::file(options_.client_ca);
  settings.verify = options_.verify;
  settings.alpn = options_.alpn;
  settings.minimum_version = options_.minimum_version;
  settings.tickets_of = context_;
  const auto context_of = [&settings](const std::string& file) {
    settings.identity = {.certificate_chain = evloop::Pem::file(file)};
    return evloop::TlsContext::server(settings);
  };
  ServerNames<evloop::TlsContext> others;
  for (const auto& file : options_.certificates | std::views::drop(1)) {
    const auto context = context_of(file);
    for (const auto& name : context.certificate().subject_alt_names)
      if (name.starts_with(dns_name)) others.add(name.substr(dns_name.size()), context);
  }
  if (!others.empty())
    settings.context_for = [others = std::move(others)](std::string_view name) {
      const auto* const found = others.find(name);
      return found ? *found : evloop::TlsContext();
    };
  context_ = context_of(options_.certificates.front());
  auto server = evloop::tls_server({.context = context_, .timeouts = timeouts_});
  const std::lock_guard lock(mutex_);
  server_.swap(server);
}

std::vector<Certificates::Stamp> Certificates::stamps() const {
  std::vector<Stamp> stamps;
  auto files = options_.certificates;
  if (!options_.client_ca.empty()) files.push_back(options_.client_ca);
  for (const auto& file : files) {
    std::error_code gone;
    Stamp stamp;
    stamp.time = std::filesystem::last_write_time(file, gone);
    stamp.size = std::filesystem::file_size(file, gone);
    stamps.push_back(stamp);
  }
  return stamps;
}

}  // namespace evloopd::workloads
