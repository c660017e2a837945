#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "aio/event_loop.h"
#include "base/copy_alignment.h"
#include "base/unique_fd.h"

namespace evloop {

// The part of a file that sendfile() still has to send. When it is destroyed, the file's position is behind what was
// sent (SENDF-01). Loop thread only; the file is the caller's.
class FileRange {
 public:
  static constexpr std::size_t block_size = 16 * 1024;  // of reads in the executor (SENDF-04)

  // `count`: none means to the end of the file. Throws ValueError (SENDF-08).
  FileRange(int file, std::int64_t offset, std::optional<std::int64_t> count);
  ~FileRange();
  FileRange(const FileRange&) = delete;
  FileRange& operator=(const FileRange&) = delete;

  [[nodiscard]] std::int64_t sent() const noexcept { return position_ - offset_; }

  // Sends to `socket` with the system call, until it would block or enough was sent for one turn of the loop: false;
  // true at the end. Throws SendfileNotAvailableError if the first call fails, later std::system_error (SENDF-09).
  [[nodiscard]] bool send(int socket);

  // Reads the next block in the loop's default executor: its size, 0 at the end. Only one at a time.
  Future<std::size_t> read(EventLoop& loop);
  // The first `size` bytes of the block that was read; they count as sent.
  [[nodiscard]] std::span<const std::byte> take(std::size_t size) noexcept;

 private:
  // Shared with the job that reads, which goes on when its reader is cancelled.
  struct Source {
    UniqueFd file;
    bool seekable;
    alignas(copy_alignment) std::array<std::byte, block_size> block;
  };
  [[nodiscard]] std::size_t at_most(std::size_t size) const noexcept;

  const int file_;
  const off_t offset_;
  const std::optional<std::int64_t> count_;
  off_t position_;
  std::shared_ptr<Source> source_;  // once it is read
};

}  // namespace evloop
