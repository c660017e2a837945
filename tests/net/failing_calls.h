#pragma once

#include <deque>

namespace evloop {

// Lets the next calls of a system call fail with these errors, one each; 0 lets one through. For what the kernel does
// only in races. Reset it at the end of the test.
struct FailingCalls {
  static inline std::deque<int> accept4;
  static inline std::deque<int> sendfile;
};

}  // namespace evloop
