#pragma once

#include <memory>
#include <string>

#include "aio/event_loop.h"
#include "net/socket_address.h"
#include "net/tls_layer.h"
#include "workloads/upstreams/options.h"

namespace evloopd::workloads {

// Asks an upstream whether it serves, in one of several ways. Immutable; any thread.
class Checker {
 public:
  // Throws ValueError for options that make no sense, TlsError and std::system_error for a file of certificates that
  // cannot be had.
  explicit Checker(const CheckOptions& options);

  // One check, bounded by its timeout. Answers what speaks for the upstream ("status 200"), and throws what speaks
  // against it. Cancelled, it leaves nothing behind. On the running loop; this outlives it.
  evloop::Coro<std::string> run(evloop::SocketAddress address) const;

 private:
  evloop::Coro<std::string> ask(evloop::SocketAddress address) const;

  const CheckOptions options_;
  evloop::TlsClient tls_;  // null: without
};

// The address that is checked: its port is another one if the options say so.
[[nodiscard]] evloop::SocketAddress check_address(const evloop::SocketAddress& address, int port);

// For people: what was thrown, cut to a bearable length.
[[nodiscard]] std::string failure_text(const std::exception_ptr& error);

}  // namespace evloopd::workloads
