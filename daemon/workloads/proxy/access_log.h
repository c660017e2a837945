#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace evloopd::workloads {

// A file of one JSON object per connection (README.md here says which keys). spdlog writes it, on a thread of its own:
// who logs waits for no file. At most `most_batches` wait to be written; what comes then is dropped, and counted. The
// file is opened to append, so it may be truncated by others (logrotate's copytruncate). Any thread.
class AccessLog {
 public:
  static constexpr std::size_t most_batches = 256;

  // Throws std::system_error if the file cannot be opened.
  explicit AccessLog(const std::string& path);
  ~AccessLog();  // writes what waits
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // So many whole lines.
  void write(const std::string& lines, std::size_t count) noexcept;

  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  class Writer;

  std::unique_ptr<Writer> writer_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace evloopd::workloads
