#include "base/log.h"

#include <atomic>
#include <cstdio>

namespace evloop {
namespace {

void to_standard_error(LogLevel level, std::string_view message) {
  static constexpr const char* names[] = {"debug", "info", "warning", "error"};
  std::fprintf(stderr, "%s: %.*s\n", names[static_cast<int>(level)], static_cast<int>(message.size()), message.data());
}

std::atomic<LogSink> current_sink = to_standard_error;

}  // namespace

void set_log_sink(LogSink sink) noexcept { current_sink = sink ? sink : to_standard_error; }

void log(LogLevel level, std::string_view message) noexcept {
  try {
    current_sink.load()(level, message);
  } catch (...) {
    // A sink that fails must not take the loop with it.
  }
}

}  // namespace evloop
