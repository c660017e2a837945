#pragma once

#include <string_view>

namespace evloop {

// The library's few log lines (unhandled errors, resource warnings) go to one sink that the program
// sets; standard error until then. Any thread.
enum class LogLevel { debug, info, warning, error };
using LogSink = void (*)(LogLevel level, std::string_view message);

void set_log_sink(LogSink sink) noexcept;  // null: back to standard error
void log(LogLevel level, std::string_view message) noexcept;

}  // namespace evloop
