#include "workloads/tcp_discard.h"

#include <cstddef>
#include <span>

#include "workloads/tcp_share.h"

namespace evloopd::workloads {
namespace {

class DiscardConnection final : public TcpConnection {
 public:
  using TcpConnection::TcpConnection;

  void data_received(std::span<const std::byte> data) override { share().tally().in(data.size()); }
};

class DiscardShare final : public TcpShare {
 public:
  using TcpShare::TcpShare;

 private:
  [[nodiscard]] evloop::Ref<TcpConnection> make_connection() override {
    return evloop::Ref<TcpConnection>(new DiscardConnection(*this));
  }
};

}  // namespace

std::unique_ptr<host::WorkloadShare> TcpDiscard::attach(evloop::EventLoop& loop) {
  return std::make_unique<DiscardShare>(loop, counters_);
}

}  // namespace evloopd::workloads
