#include "workloads/checks/checker.h"

#include <cerrno>
#include <utility>

#include "aio/errors.h"
#include "aio/timeout.h"
#include "net/connection.h"
#include "net/os_error.h"
#include "net/streams.h"
#include "net/tls/tls.h"
#include "workloads/checks/dns_check.h"
#include "workloads/checks/exec_check.h"
#include "workloads/checks/expect_check.h"
#include "workloads/checks/grpc_check.h"
#include "workloads/checks/http_check.h"
#include "workloads/dns/dns_resolver.h"

namespace evloopd::workloads {
namespace {

using evloop::Coro;
using evloop::SocketAddress;

constexpr std::size_t longest_reason = 200;
// Then a second address of a name is tried beside the first.
constexpr evloop::Duration patience_with_an_address = std::chrono::milliseconds(250);

bool speaks_tls(const CheckOptions& options) {
  switch (options.kind) {
    case CheckKind::tls: return true;
    case CheckKind::http:
    case CheckKind::expect:
    case CheckKind::grpc: return options.tls;
    default: return false;
  }
}

// Whom the certificate is to be for, if it is not the address: the one who is asked for in the request, which may have
// a port.
std::string server_name_of(const CheckOptions& options) {
  if (!options.tls_options.server_name.empty()) return options.tls_options.server_name;
  if (options.kind != CheckKind::http && options.kind != CheckKind::grpc) return "";
  const auto& asked = options.kind == CheckKind::http ? options.host : options.authority;
  return asked.starts_with('[') ? asked.substr(1, asked.find(']') - 1) : asked.substr(0, asked.find(':'));
}

evloop::TlsClient make_tls(const CheckOptions& options) {
  const auto& given = options.tls_options;
  evloop::TlsClientSettings settings;
  if (!given.ca.empty()) settings.ca = evloop::Pem::file(given.ca);
  if (!given.verify) settings.verify = evloop::TlsVerify::none;
  settings.check_hostname = given.verify;
  settings.minimum_version = given.minimum_version;
  if (options.kind == CheckKind::grpc) settings.alpn = {"h2"};
  evloop::TlsClientOptions client{.context = evloop::TlsContext::client(settings)};
  if (const auto& name = server_name_of(options); !name.empty()) client.server_hostname = name;
  return evloop::tls_client(std::move(client));
}

}  // namespace

Checker::Checker(const CheckOptions& options, std::vector<std::string> name_servers)
    : options_(options), name_servers_(std::move(name_servers)) {
  if (options.kind == CheckKind::exec && options.command.empty())
    throw evloop::ValueError("a check that runs a program needs its command");
  if (options.kind == CheckKind::expect && options.expect.empty())
    throw evloop::ValueError("a check that expects an answer needs to know which");
  if (options.kind == CheckKind::dns && options.query.empty())
    throw evloop::ValueError("a check of name servers needs a name to ask them for");
  if (speaks_tls(options)) tls_ = make_tls(options);
}

Coro<std::string> Checker::run(CheckTarget target) const {
  auto outcome = co_await evloop::settled(evloop::wait_for(ask(std::move(target)), options_.timeout));
  if (evloop::holds<evloop::TimeoutError>(outcome.error())) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout).count();
    throw evloop::OsError(ETIMEDOUT, "no answer within " + std::to_string(limit) + " ms");
  }
  co_return std::move(outcome).take();
}

Coro<std::string> Checker::ask(CheckTarget target) const {
  if (options_.kind == CheckKind::exec) co_return co_await run_program(options_.command, target.address);
  if (options_.kind == CheckKind::dns)
    co_return co_await ask_dns(options_,
                               target.address.empty() ? name_servers_ : std::vector{target.address.to_string()});
  target.address = check_address(target.address, options_.port);
  const auto stream = co_await open(target);
  // Whatever comes of it, nothing is left to be said.
  struct Cut {
    const evloop::Stream& stream;
    ~Cut() { stream.writer->transport().abort(); }
  } const cut{stream};
  switch (options_.kind) {
    case CheckKind::http: co_return co_await ask_http(stream, options_, authority_of(target));
    case CheckKind::expect: co_return co_await expect_answer(stream, options_);
    case CheckKind::grpc: co_return co_await ask_grpc_health(stream, options_, authority_of(target));
    case CheckKind::tls: co_return "TLS handshake done";
    default: co_return "connected";
  }
}

Coro<evloop::Stream> Checker::open(CheckTarget target) const {
  evloop::ConnectOptions options{.tls = tls_};
  if (!target.address.empty())
    co_return co_await evloop::open_connection(target.address, evloop::default_stream_limit, options);
  DnsResolver resolver({.servers = name_servers_, .timeout = options_.timeout});
  options.resolver = &resolver;
  options.happy_eyeballs_delay = patience_with_an_address;
  co_return co_await evloop::open_connection(target.host, target.port, evloop::default_stream_limit, options);
}

std::string Checker::authority_of(const CheckTarget& target) const {
  if (target.address.is_inet()) return target.address.to_string();
  if (target.host.empty()) return "localhost";  // a unix socket
  const auto usual = tls_ ? 443 : 80;
  return target.port == usual ? target.host : target.host + ':' + std::to_string(target.port);
}

SocketAddress check_address(const SocketAddress& address, int port) {
  if (port == 0 || !address.is_inet()) return address;
  return SocketAddress::ip(address.host(), static_cast<std::uint16_t>(port));
}

std::string failure_text(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    std::string text = known.what();
    if (text.size() > longest_reason) text.resize(longest_reason);
    return text;
  } catch (...) {
    throw;  // a cancellation is no failure
  }
}

}  // namespace evloopd::workloads
