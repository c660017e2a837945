#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "base/block_cache.h"
#include "base/ref.h"

namespace evloop {

class SubprocessTransport;

// The program's side of a child process: what its transport calls, on the loop's thread. connection_made once and
// first; then for each pipe its data and once its end; process_exited once; connection_lost last, when all that is over
// (PROC-04). Between different pipes and the exit there is no order.
//
// Counts its references, plainly: loop thread only. The transport holds one until connection_lost has returned.
class SubprocessProtocol : public BlockCached {
 public:
  SubprocessProtocol() noexcept = default;
  SubprocessProtocol(const SubprocessProtocol&) = delete;
  SubprocessProtocol& operator=(const SubprocessProtocol&) = delete;
  virtual ~SubprocessProtocol() = default;

  // The transport lives until connection_lost has returned, or until the loop is closed.
  virtual void connection_made(SubprocessTransport& /*transport*/) {}
  // Some bytes from the child's descriptor `fd`, 1 or 2: valid until this returns.
  virtual void pipe_data_received(int /*fd*/, std::span<const std::byte> /*data*/) {}
  // The pipe to or from the child's descriptor `fd` is closed, because of `error` if there was one.
  virtual void pipe_connection_lost(int /*fd*/, std::exception_ptr /*error*/) {}
  virtual void process_exited() {}
  virtual void connection_lost(std::exception_ptr /*error*/) {}

  // Of the pipe to the child's stdin: see BaseProtocol.
  virtual void pause_writing() {}
  virtual void resume_writing() {}

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 private:
  std::uint32_t references_ = 0;
};

}  // namespace evloop
