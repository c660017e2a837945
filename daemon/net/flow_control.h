#pragma once

#include <cstdint>
#include <exception>
#include <utility>

#include "aio/context.h"
#include "net/datagram_transport.h"
#include "net/transport.h"

namespace evloop {

// The part of a transport that tells its protocol when to pause and resume writing (asyncio's _FlowControlMixin).
// Loop thread only.
template <class Base, class ProtocolType>
class FlowControlled : public Base {
 public:
  void set_write_buffer_limits(std::optional<std::size_t> high, std::optional<std::size_t> low) final;
  using Base::set_write_buffer_limits;
  [[nodiscard]] BaseTransport::WriteBufferLimits get_write_buffer_limits() const noexcept final {
    return {low_, high_};
  }
  [[nodiscard]] Ref<ProtocolType> get_protocol() const final { return protocol_; }
  [[nodiscard]] EventLoop* loop() const noexcept final { return loop_; }

 protected:
  // When nothing else is said: the high-water mark, and whether to be at it already pauses (TLS-06).
  struct FlowControl {
    std::uint32_t high = 64 * 1024;
    bool pause_at_high = false;
  };
  FlowControlled(EventLoop& loop, Ref<ProtocolType> protocol) noexcept
      : FlowControlled(loop, std::move(protocol), FlowControl{}) {}
  FlowControlled(EventLoop& loop, Ref<ProtocolType> protocol, FlowControl control) noexcept
      : loop_(&loop),
        protocol_(std::move(protocol)),
        high_(control.high),
        low_(control.high / 4),
        default_high_(control.high),
        pause_at_high_(control.pause_at_high) {}

  // To be called after the buffer has grown ...
  void maybe_pause_protocol() {
    if (this->get_write_buffer_size() + (pause_at_high_ ? 1 : 0) > high_ && !protocol_paused_) [[unlikely]]
      pause_protocol();
  }
  // ... and after it has shrunk. The protocol may write or close here.
  void maybe_resume_protocol() {
    if (protocol_paused_ && this->get_write_buffer_size() <= low_) resume_protocol();
  }
  void resume_protocol();
  // Tells the loop's exception handler about `error`, with transport and protocol.
  void report(const char* message, std::exception_ptr error);

  EventLoop* loop_;
  Ref<ProtocolType> protocol_;
  // What the loop calls here, and by it the protocol, runs in the context of the creation (SRV-15), whoever pauses,
  // resumes, writes or closes.
  const Context context_ = CurrentContext::capture();

 private:
  void pause_protocol();

  std::size_t high_;
  std::size_t low_;
  const std::uint32_t default_high_;
  const bool pause_at_high_;
  bool protocol_paused_ = false;
};

extern template class FlowControlled<Transport, BaseProtocol>;
extern template class FlowControlled<DatagramTransport, DatagramProtocol>;

using FlowControlledTransport = FlowControlled<Transport, BaseProtocol>;

}  // namespace evloop
