#include "workloads/proxy/faulty_end.h"

#include "workloads/proxy/share.h"

namespace evloopd::workloads {

Tunnel::FaultyEnd::FaultyEnd(Tunnel& tunnel, Counter received, const FaultStage::Options& towards)
    : End(tunnel, received), stage_(tunnel.share_->loop(), *this, towards) {}

// Null once one of the two is lost.
FaultStage* Tunnel::FaultyEnd::other_stage() const noexcept {
  return other_ ? &static_cast<FaultyEnd*>(other_)->stage_ : nullptr;
}

void Tunnel::FaultyEnd::data_received(std::span<const std::byte> data) {
  count(data.size());
  if (auto* const stage = other_stage()) stage->take(data);
}

// The end takes its place behind the data that still waits, and what is on its way to here still arrives.
bool Tunnel::FaultyEnd::eof_received() {
  ended_ = true;
  auto* const stage = other_stage();
  if (!stage) return stage_.is_closing() && transport_->can_write_eof();
  tunnel_.ended(*this);
  stage->end();
  return transport_->can_write_eof();
}

// It stays until all that it is sent has arrived, and is read meanwhile, so that it is seen to leave.
void Tunnel::FaultyEnd::other_closed() {
  transport_->resume_reading();
  stage_.close();
}

void Tunnel::FaultyEnd::pass(std::span<const std::byte> data) {
  if (transport_->is_closing()) return;
  tunnel_.delivered();
  transport_->write(data);
}

void Tunnel::FaultyEnd::pass_end() {
  end_sent_ = true;
  auto* const stage = other_stage();
  // TLS has no half-closed connections: there the first end of data ends the session.
  const bool is_last = !stage || static_cast<FaultyEnd*>(other_)->end_sent_;
  if (!is_last && transport_->can_write_eof()) return transport_->write_eof();
  transport_->close();
  if (stage) stage->close();
}

void Tunnel::FaultyEnd::hold_source(bool hold) {
  if (!other_) return;
  auto& source = *static_cast<FaultyEnd*>(other_)->transport_;
  hold ? source.pause_reading() : source.resume_reading();
}

}  // namespace evloopd::workloads
