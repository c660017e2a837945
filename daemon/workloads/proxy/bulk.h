#pragma once

#include <cstddef>

namespace evloopd::workloads {

// When a tunnel goes over to splice(), and back. Per system call splicing is dearer than receiving and sending, and
// what it saves is the copy.
inline constexpr std::size_t bulk_chunk = 8 * 1024;  // bytes of one receive that make it worth the while
inline constexpr int bulk_streak = 4;                // so many of these in a row begin it

}  // namespace evloopd::workloads
