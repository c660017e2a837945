#include "workloads/upstreams/checks/checker.h"

#include <cerrno>
#include <utility>

#include "aio/errors.h"
#include "aio/timeout.h"
#include "net/connection.h"
#include "net/os_error.h"
#include "net/streams.h"
#include "net/tls/tls.h"
#include "workloads/upstreams/checks/exec_check.h"
#include "workloads/upstreams/checks/expect_check.h"
#include "workloads/upstreams/checks/http_check.h"

namespace evloopd::workloads {
namespace {

using evloop::Coro;
using evloop::SocketAddress;

constexpr std::size_t longest_reason = 200;

bool speaks_tls(const CheckOptions& options) {
  const bool may = options.kind == CheckKind::http || options.kind == CheckKind::expect;
  return options.kind == CheckKind::tls || (may && options.tls);
}

evloop::TlsClient make_tls(const CheckOptions& options) {
  const auto& [verify, server_name, ca] = options.tls_options;
  evloop::TlsClientSettings settings;
  if (!ca.empty()) settings.ca = evloop::Pem::file(ca);
  if (!verify) settings.verify = evloop::TlsVerify::none;
  settings.check_hostname = verify;
  evloop::TlsClientOptions client{.context = evloop::TlsContext::client(settings)};
  const auto& name = server_name.empty() && options.kind == CheckKind::http ? options.host : server_name;
  if (!name.empty()) client.server_hostname = name;
  return evloop::tls_client(std::move(client));
}

}  // namespace

Checker::Checker(const CheckOptions& options) : options_(options) {
  if (options.kind == CheckKind::exec && options.command.empty())
    throw evloop::ValueError("a check that runs a program needs its command");
  if (options.kind == CheckKind::expect && options.expect.empty())
    throw evloop::ValueError("a check that expects an answer needs to know which");
  if (speaks_tls(options)) tls_ = make_tls(options);
}

Coro<std::string> Checker::run(SocketAddress address) const {
  auto outcome = co_await evloop::settled(evloop::wait_for(ask(address), options_.timeout));
  if (evloop::holds<evloop::TimeoutError>(outcome.error())) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout).count();
    throw evloop::OsError(ETIMEDOUT, "no answer within " + std::to_string(limit) + " ms");
  }
  co_return std::move(outcome).take();
}

Coro<std::string> Checker::ask(SocketAddress address) const {
  if (options_.kind == CheckKind::exec) co_return co_await run_program(options_.command, address);
  const auto target = check_address(address, options_.port);
  if (options_.kind == CheckKind::tcp) {
    co_await evloop::connect_stream(evloop::get_running_loop(), std::vector{target});
    co_return "connected";
  }
  const auto stream =
      co_await evloop::open_connection(target, evloop::default_stream_limit, evloop::ConnectOptions{.tls = tls_});
  // Whatever comes of it, nothing is left to be said.
  struct Cut {
    const evloop::Stream& stream;
    ~Cut() { stream.writer->transport().abort(); }
  } const cut{stream};
  switch (options_.kind) {
    case CheckKind::http:
      co_return co_await ask_http(stream, options_, target);
    case CheckKind::expect:
      co_return co_await expect_answer(stream, options_);
    default:
      co_return "TLS handshake done";
  }
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
