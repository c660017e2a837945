#include "net/os_error.h"

namespace evloop {

std::exception_ptr make_os_error(const char* call, int error) {
  return std::make_exception_ptr(std::system_error(error, std::generic_category(), call));
}

bool is_connection_error(const std::exception_ptr& error) {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    const auto& code = e.code();
    return code == std::errc::connection_reset || code == std::errc::broken_pipe ||
           code == std::errc::connection_aborted || code == std::errc::connection_refused ||
           code == std::errc::not_connected;
  } catch (...) {
    return false;
  }
}

std::string error_text(int error) { return std::generic_category().message(error); }

}  // namespace evloop
