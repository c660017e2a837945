#pragma once

#include "workloads/proxy/fault_stage.h"
#include "workloads/proxy/tunnel_end.h"

namespace evloopd::workloads {

// One of the two sockets of a connection with faults. What the other one receives goes through the stage of this one
// before it is written here.
class Tunnel::FaultyEnd final : public Tunnel::End, private FaultStage::Owner {
 public:
  // `towards`: what is done to the bytes that are sent here.
  FaultyEnd(Tunnel& tunnel, Counter received, const FaultStage::Options& towards);

  void data_received(std::span<const std::byte> data) override;
  bool eof_received() override;
  void pause_writing() override { stage_.pause(); }
  void resume_writing() override { stage_.resume(); }

 private:
  // The stage holds what has to wait.
  [[nodiscard]] std::size_t write_buffer() const noexcept override { return 0; }
  void other_closed() override;
  [[nodiscard]] FaultStage* other_stage() const noexcept;

  void pass(std::span<const std::byte> data) override;
  void pass_end() override;
  void pass_close() override { transport_->close(); }
  void hold_source(bool hold) override;
  void reset_both() override { tunnel_.reset(); }

  FaultStage stage_;
  bool end_sent_ = false;  // to its peer
};

}  // namespace evloopd::workloads
