#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>

#include "aio/context.h"
#include "base/block_cache.h"
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
  [[nodiscard]] BaseTransport::WriteBufferLimits get_write_buffer_limits() const noexcept final;
  [[nodiscard]] Ref<ProtocolType> get_protocol() const final { return protocol_; }
  [[nodiscard]] EventLoop* loop() const noexcept final { return loop_; }

 protected:
  // When nothing else is said: the high-water mark, and whether to be at it already pauses (TLS-06).
  struct FlowControl {
    std::size_t high = 64 * 1024;
    bool pause_at_high = false;
  };
  FlowControlled(EventLoop& loop, Ref<ProtocolType> protocol);

  [[nodiscard]] virtual FlowControl flow_control() const noexcept { return {}; }
  // What the loop calls here, and by it the protocol, runs in the context of the creation (SRV-15), whoever pauses,
  // resumes, writes or closes.
  [[nodiscard]] Context own_context() const noexcept { return special_ ? special_->context : Context(); }
  // To be called after the buffer has grown ...
  void maybe_pause_protocol();
  // ... and after it has shrunk. The protocol may write or close here.
  void maybe_resume_protocol() {
    if (protocol_paused_ && this->get_write_buffer_size() <= get_write_buffer_limits().low) resume_protocol();
  }
  void resume_protocol();
  // Tells the loop's exception handler about `error`, with transport and protocol.
  void report(const char* message, std::exception_ptr error);

 private:
  // What few have: a context, and limits of their own.
  struct Special : BlockCached {
    Context context;
    BaseTransport::WriteBufferLimits limits{.low = 1, .high = 0};  // these, which none can be: there are none

    [[nodiscard]] bool has_limits() const noexcept { return limits.low <= limits.high; }
  };

  [[nodiscard]] Special& special();
  void pause_protocol();

  bool protocol_paused_ = false;

 protected:
  EventLoop* loop_;
  Ref<ProtocolType> protocol_;

 private:
  std::unique_ptr<Special> special_;
};

extern template class FlowControlled<Transport, BaseProtocol>;
extern template class FlowControlled<DatagramTransport, DatagramProtocol>;

using FlowControlledTransport = FlowControlled<Transport, BaseProtocol>;

}  // namespace evloop
