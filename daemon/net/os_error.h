#pragma once

#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

namespace evloop {

// A system error with a text of its own (Python: OSError with a message), as asyncio gives it.
class OsError final : public std::system_error {
 public:
  OsError(int error, std::string text) : std::system_error(error, std::generic_category()), text_(std::move(text)) {}
  OsError(std::error_code code, std::string text) : std::system_error(code), text_(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

// A failed system call: its errno, and "<call>: <what errno means>".
[[nodiscard]] std::exception_ptr make_os_error(const char* call, int error = errno);

// The peer went away or was never there (Python: ConnectionError): reset, broken pipe, aborted, refused, not connected.
[[nodiscard]] bool is_connection_error(const std::exception_ptr& error);
// "error while attempting to bind on address <address>: ..." and the like need the plain meaning of an errno.
[[nodiscard]] std::string error_text(int error);

}  // namespace evloop
