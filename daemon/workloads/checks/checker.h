#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "net/socket_address.h"
#include "net/streams.h"
#include "net/tls_layer.h"
#include "workloads/checks/options.h"

namespace evloopd::workloads {

// Who is checked: an address, or else the name of a host, which is looked up each time. Neither: nobody but the name
// servers, for a check of the kind dns.
struct CheckTarget {
  evloop::SocketAddress address{};
  std::string host{};
  std::uint16_t port = 0;
};

// Asks somebody whether they serve, in one of several ways. Immutable; any thread.
class Checker {
 public:
  // `name_servers`: "127.0.0.1:53"; none: the system's. Throws ValueError for options that make no sense, TlsError and
  // std::system_error for a file of certificates that cannot be had.
  explicit Checker(const CheckOptions& options, std::vector<std::string> name_servers = {});

  // One check, bounded by its timeout. Answers what speaks for the target ("status 200"), and throws what speaks
  // against it. Cancelled, it leaves nothing behind. On the running loop; this outlives it.
  evloop::Coro<std::string> run(CheckTarget target) const;
  evloop::Coro<std::string> run(evloop::SocketAddress address) const { return run(CheckTarget{.address = address}); }

 private:
  evloop::Coro<std::string> ask(CheckTarget target) const;
  evloop::Coro<evloop::Stream> open(CheckTarget target) const;
  // As the target is called in a request.
  [[nodiscard]] std::string authority_of(const CheckTarget& target) const;

  const CheckOptions options_;
  const std::vector<std::string> name_servers_;
  evloop::TlsClient tls_;  // null: without
};

// The address that is checked: its port is another one if the options say so.
[[nodiscard]] evloop::SocketAddress check_address(const evloop::SocketAddress& address, int port);

// For people: what was thrown, cut to a bearable length.
[[nodiscard]] std::string failure_text(const std::exception_ptr& error);

}  // namespace evloopd::workloads
