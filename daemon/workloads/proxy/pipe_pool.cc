#include "workloads/proxy/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace evloopd::workloads {

Pipe PipePool::take() {
  if (taken_ == most_pipes) return {};
  Pipe pipe;
  if (free_.empty()) {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {};
    pipe = {.out = evloop::UniqueFd(ends[0]), .in = evloop::UniqueFd(ends[1])};
    // Refused to a user who has many already: then it is as large as it is.
    ::fcntl(ends[1], F_SETPIPE_SZ, pipe_size);
    free_.reserve(most_kept);
  } else {
    pipe = std::move(free_.back());
    free_.pop_back();
  }
  ++taken_;
  return pipe;
}

void PipePool::give_back(Pipe pipe, bool empty) noexcept {
  --taken_;
  if (empty && free_.size() < most_kept) free_.push_back(std::move(pipe));
}

}  // namespace evloopd::workloads
