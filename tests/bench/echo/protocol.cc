#include <span>

#include "aio/event_loop.h"
#include "bench/echo/servers.h"
#include "net/acceptor.h"
#include "net/protocol.h"
#include "net/socket_transport.h"

namespace evloop::bench {
namespace {

class Echo final : public Protocol {
 public:
  void connection_made(Transport& transport) override { transport_ = &transport; }
  void data_received(std::span<const std::byte> data) override { transport_->write(data); }
  void pause_writing() override { transport_->pause_reading(); }
  void resume_writing() override { transport_->resume_reading(); }

 private:
  Transport* transport_ = nullptr;
};

}  // namespace

void serve_protocol() {
  EventLoop loop;
  Acceptor acceptor(loop, listen_anywhere(), 4096, [&loop](UniqueFd connection) {
    SocketTransport::create(loop, std::move(connection), Ref<BaseProtocol>(new Echo));
  });
  acceptor.start();
  loop.run_forever();
}

}  // namespace evloop::bench
