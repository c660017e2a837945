#pragma once

#include <unistd.h>

namespace evloop {

// The thread that main() runs on: the only one that may say what a signal does.
[[nodiscard]] inline bool on_main_thread() noexcept { return ::gettid() == ::getpid(); }

}  // namespace evloop
