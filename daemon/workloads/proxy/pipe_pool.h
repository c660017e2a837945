#pragma once

#include <cstddef>
#include <vector>

#include "base/unique_fd.h"

namespace evloopd::workloads {

// A pipe of the kernel, empty when it is in the pool.
struct Pipe {
  evloop::UniqueFd out;  // to read from
  evloop::UniqueFd in;   // to write to
};

// The pipes of one loop. One serves all tunnels that keep up; a tunnel whose reader is slow keeps one for as long as it
// holds bytes. Loop thread only.
class PipePool {
 public:
  // What a pipe takes, where the system allows it.
  static constexpr int pipe_size = 256 * 1024;
  static constexpr std::size_t most_pipes = 1024;  // in use: two descriptors each
  static constexpr std::size_t most_kept = 16;     // of those that are free

  PipePool() = default;
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // Without descriptors if there is none to be had.
  [[nodiscard]] Pipe take();
  // Of a pipe that was taken; one that is not empty is closed instead.
  void give_back(Pipe pipe, bool empty) noexcept;

 private:
  std::size_t taken_ = 0;
  std::vector<Pipe> free_;
};

}  // namespace evloopd::workloads
