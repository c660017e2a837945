#include "host/thread_usage.h"

#include <fcntl.h>

#include <array>
#include <charconv>
#include <string>

#include "base/unique_fd.h"

namespace evloopd::host {

ThreadUsage read_thread_usage(std::int64_t thread_id) {
  // "<cpu ns> <run queue ns> <time slices>"
  const auto path = "/proc/self/task/" + std::to_string(thread_id) + "/schedstat";
  const evloop::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text;
  const auto size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size <= 0) return {};
  const char* const end = text.data() + size;
  std::int64_t cpu = 0;
  std::int64_t wait = 0;
  const auto first = std::from_chars(text.data(), end, cpu);
  if (first.ec != std::errc{} || first.ptr == end) return {};
  if (std::from_chars(first.ptr + 1, end, wait).ec != std::errc{}) return {};
  return {.cpu = Nanos(cpu), .run_queue_wait = Nanos(wait)};
}

}  // namespace evloopd::host
