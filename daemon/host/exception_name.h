#pragma once

#include <exception>
#include <string>

namespace evloopd::host {

// An exception in words, for those who ask from outside: "ConnectionRefusedError" and "Connect call failed ...".
struct ExceptionName {
  explicit ExceptionName(const std::exception_ptr& error);

  std::string type;     // Python's name for what asyncio or the system throws; else that of the C++ type
  std::string message;  // may be empty
  [[nodiscard]] std::string text() const { return message.empty() ? type : type + ": " + message; }
};

}  // namespace evloopd::host
