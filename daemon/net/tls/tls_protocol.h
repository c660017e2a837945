#pragma once

#include <utility>

#include "net/tls/tls_transport.h"

namespace evloop {

// What the transport below knows as its protocol: the lower side of a TlsTransport, which it owns. Loop thread only.
class TlsProtocol final : public Protocol {
 public:
  explicit TlsProtocol(Ref<TlsTransport> transport) noexcept : transport_(std::move(transport)) {}
  ~TlsProtocol() override { transport_->lower_dropped(); }

  void connection_made(Transport& lower) override { transport_->lower_made(lower); }
  void connection_lost(std::exception_ptr error) override { transport_->lower_lost(std::move(error)); }
  void data_received(std::span<const std::byte> data) override { transport_->lower_received(data); }
  bool eof_received() override { return transport_->lower_ended(); }
  void pause_writing() override { transport_->lower_paused(); }
  void resume_writing() override { transport_->lower_resumed(); }
  [[nodiscard]] Transport* upper_transport() noexcept override { return transport_.get(); }

 private:
  const Ref<TlsTransport> transport_;
};

}  // namespace evloop
