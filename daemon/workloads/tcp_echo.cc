#include "workloads/tcp_echo.h"

#include <cstddef>
#include <span>

#include "workloads/tcp_share.h"

namespace evloopd::workloads {
namespace {

class EchoConnection final : public TcpConnection {
 public:
  using TcpConnection::TcpConnection;

  void data_received(std::span<const std::byte> data) override {
    share().tally().in(data.size());
    share().tally().out(data.size());
    transport().write(data);
  }
  void pause_writing() override { transport().pause_reading(); }
  void resume_writing() override { transport().resume_reading(); }
};

class EchoShare final : public TcpShare {
 public:
  using TcpShare::TcpShare;

 private:
  [[nodiscard]] evloop::Ref<TcpConnection> make_connection() override {
    return evloop::Ref<TcpConnection>(new EchoConnection(*this));
  }
};

}  // namespace

std::unique_ptr<host::WorkloadShare> TcpEcho::attach(evloop::EventLoop& loop) {
  return std::make_unique<EchoShare>(loop, counters_);
}

}  // namespace evloopd::workloads
