#include "net/process/process_protocol.h"

#include "net/process/subprocess_transport.h"

namespace evloop {

ProcessProtocol::ProcessProtocol(EventLoop& loop, std::size_t limit)
    : loop_(loop), limit_(limit), std_in_flow_(new StreamReaderProtocol(loop, limit)) {}

ProcessProtocol::~ProcessProtocol() {
  for (const auto& reader : outputs_)
    if (reader) reader->set_transport(nullptr);
}

void ProcessProtocol::connection_made(SubprocessTransport& transport) {
  transport_ = &transport;
  for (const int fd : {1, 2}) {
    const auto pipe = transport.get_pipe_transport(fd);
    if (!pipe) continue;
    output(fd) = Ref(new StreamReader(loop_, limit_));
    output(fd)->set_transport(pipe.get());
    ++open_outputs_;
  }
  if (auto pipe = transport.get_pipe_transport(0)) std_in_ = std_in_flow_->make_writer(std::move(pipe));
}

void ProcessProtocol::pipe_data_received(int fd, std::span<const std::byte> data) { output(fd)->feed_data(data); }

void ProcessProtocol::pipe_connection_lost(int fd, std::exception_ptr error) {
  if (fd == 0) {
    std_in_flow_->connection_lost(std::move(error));
    std_in_flow_->reader().set_exception(nullptr);  // asyncio's writer to a process knows no reader that failed
    return;
  }
  const auto& reader = output(fd);
  reader->set_transport(nullptr);
  if (error) {
    reader->set_exception(std::move(error));
  } else {
    reader->feed_eof();
  }
  --open_outputs_;
  close_if_over();
}

void ProcessProtocol::process_exited() {
  exited_ = true;
  close_if_over();
}

// Nobody reads stdin any more, though a grandchild might have it open.
void ProcessProtocol::close_if_over() {
  if (exited_ && open_outputs_ == 0 && transport_) transport_->close();
}

void ProcessProtocol::connection_lost(std::exception_ptr) { transport_ = nullptr; }

}  // namespace evloop
