#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace evloopd::ctl {

// What decides where the daemon is looked for.
struct Environment {
  std::string address;            // $EVLOOPD_ADDR
  std::string runtime_directory;  // $RUNTIME_DIRECTORY, as systemd sets it
  std::string xdg_runtime_dir;    // $XDG_RUNTIME_DIR
  uid_t uid = 0;

  [[nodiscard]] static Environment current();
};

// Where a daemon puts its sockets unless its configuration says otherwise. The daemon follows the same rule:
// $RUNTIME_DIRECTORY, else /run/evloopd for root, else $XDG_RUNTIME_DIR/evloopd, else /tmp/evloopd-<uid>.
[[nodiscard]] std::string runtime_directory(const Environment& environment);

// A gRPC target from what the user gave ("unix:/run/x.sock", "/run/x.sock", "host:port"), else from $EVLOOPD_ADDR, else
// the first of admin.sock and observe.sock in the runtime directory that this user may connect to.
[[nodiscard]] std::string find_address(std::string_view given, const Environment& environment);

// The file of a "unix:" target; empty for another one.
[[nodiscard]] std::string socket_path(std::string_view target);

}  // namespace evloopd::ctl
