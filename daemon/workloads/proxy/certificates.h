#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "net/tls/tls.h"
#include "workloads/proxy/options.h"

namespace evloopd::workloads {

// What a proxy serves TLS with: one certificate or several, chosen by the name that the client asks for. All loops
// share it, and so the keys of session tickets: a session that began on one loop is resumed on another, and also after
// a reload. Any thread.
class Certificates {
 public:
  // Reads the files. Throws TlsError, std::system_error, ValueError.
  explicit Certificates(ProxyTlsListen options, evloop::TlsTimeouts timeouts);

  // For a new handshake.
  [[nodiscard]] evloop::TlsServer server() const;
  // Reads the files again; handshakes from now on use what is in them. Throws likewise, and leaves all as it was.
  void reload();
  // ... if a file has another time than when it was read, or is another; what fails is logged once. True if it did.
  bool reload_if_changed();

 private:
  struct Stamp {
    std::filesystem::file_time_type time{};
    std::uintmax_t size = 0;
    bool operator==(const Stamp&) const = default;
  };

  void load();
  [[nodiscard]] std::vector<Stamp> stamps() const;

  const ProxyTlsListen options_;
  const evloop::TlsTimeouts timeouts_;
  std::mutex loading_;          // one at a time
  std::vector<Stamp> seen_;     // guarded by loading_
  evloop::TlsContext context_;  // guarded by loading_
  mutable std::mutex mutex_;
  evloop::TlsServer server_;  // guarded by mutex_
};

}  // namespace evloopd::workloads
