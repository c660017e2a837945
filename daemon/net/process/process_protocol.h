#pragma once

#include <array>
#include <cstddef>

#include "aio/event_loop.h"
#include "net/process/subprocess_protocol.h"
#include "net/stream_protocol.h"
#include "net/stream_reader.h"

namespace evloop {

// asyncio's SubprocessStreamProtocol: makes streams of a child's pipes. Its transport owns it, and every Process.
// Loop thread only.
class ProcessProtocol final : public SubprocessProtocol {
 public:
  // `limit`: see StreamReader. Throws ValueError if it is 0.
  ProcessProtocol(EventLoop& loop, std::size_t limit);
  ~ProcessProtocol() override;

  void connection_made(SubprocessTransport& transport) override;
  void pipe_data_received(int fd, std::span<const std::byte> data) override;
  void pipe_connection_lost(int fd, std::exception_ptr error) override;
  void process_exited() override;
  void connection_lost(std::exception_ptr error) override;
  void pause_writing() override { std_in_flow_->pause_writing(); }
  void resume_writing() override { std_in_flow_->resume_writing(); }

  // Null where there is no pipe.
  [[nodiscard]] const Ref<StreamWriter>& std_in() const noexcept { return std_in_; }
  [[nodiscard]] const Ref<StreamReader>& std_out() const noexcept { return outputs_[0]; }
  [[nodiscard]] const Ref<StreamReader>& std_err() const noexcept { return outputs_[1]; }

 private:
  // Of the child's descriptor 1 or 2.
  [[nodiscard]] Ref<StreamReader>& output(int fd) noexcept { return outputs_[static_cast<std::size_t>(fd - 1)]; }
  void close_if_over();

  EventLoop& loop_;
  const std::size_t limit_;
  SubprocessTransport* transport_ = nullptr;
  // A stream with nothing to read: what drain() and wait_closed() of std_in_ wait for.
  const Ref<StreamReaderProtocol> std_in_flow_;
  Ref<StreamWriter> std_in_;
  std::array<Ref<StreamReader>, 2> outputs_;
  int open_outputs_ = 0;
  bool exited_ = false;
};

}  // namespace evloop
