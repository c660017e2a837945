#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ref.h"

namespace evloop {

class SocketTransport;

// The connections that belong together: those of a server, or of a workload's share. Each counts from its creation
// until connection_lost has returned. Loop thread only. Counts its references, plainly; each of its transports holds
// one.
class TransportGroup {
 public:
  TransportGroup() = default;
  TransportGroup(const TransportGroup&) = delete;
  TransportGroup& operator=(const TransportGroup&) = delete;
  virtual ~TransportGroup() = default;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  // Closes (aborts) each of them; they go in later callbacks.
  void close_all();
  void abort_all();

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 protected:
  // The last one has gone.
  virtual void emptied() {}

 private:
  friend class SocketTransport;
  void attach(SocketTransport& transport) noexcept;
  void detach(SocketTransport& transport);

  std::uint32_t references_ = 0;
  std::size_t size_ = 0;
  SocketTransport* first_ = nullptr;
};

}  // namespace evloop
