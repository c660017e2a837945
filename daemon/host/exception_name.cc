#include "host/exception_name.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "aio/errors.h"

namespace evloopd::host {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

// Those of the library that are not called as in Python.
constexpr std::array<Names, 4> other_names{{{"LoopError", "RuntimeError"},
                                            {"InvalidState", "InvalidStateError"},
                                            {"ExitRequest", "SystemExit"},
                                            {"Interrupt", "KeyboardInterrupt"}}};

// OSError's children, by errno.
std::string name_of(const std::error_code& code) {
  if (code.category() != std::generic_category() && code.category() != std::system_category())
    return code.category().name() == std::string_view("getaddrinfo") ? "gaierror" : "OSError";
  switch (code.value()) {
    case EAGAIN:
    case EALREADY:
    case EINPROGRESS: return "BlockingIOError";
    case EPIPE:
    case ESHUTDOWN: return "BrokenPipeError";
    case ECHILD: return "ChildProcessError";
    case ECONNABORTED: return "ConnectionAbortedError";
    case ECONNREFUSED: return "ConnectionRefusedError";
    case ECONNRESET: return "ConnectionResetError";
    case EEXIST: return "FileExistsError";
    case ENOENT: return "FileNotFoundError";
    case EINTR: return "InterruptedError";
    case EISDIR: return "IsADirectoryError";
    case ENOTDIR: return "NotADirectoryError";
    case EACCES:
    case EPERM: return "PermissionError";
    case ESRCH: return "ProcessLookupError";
    case ETIMEDOUT: return "TimeoutError";
    default: return "OSError";
  }
}

std::string name_of(std::string_view cpp_type) {
  constexpr std::string_view library = "evloop::";
  if (!cpp_type.starts_with(library)) return std::string(cpp_type);
  cpp_type.remove_prefix(library.size());
  for (const auto& [ours, pythons] : other_names)
    if (cpp_type == ours) return std::string(pythons);
  return std::string(cpp_type);
}

}  // namespace

ExceptionName::ExceptionName(const std::exception_ptr& error) {
  const auto described = evloop::describe(error);  // "type" or "type: message"
  const auto colon = described.find(": ");
  type = name_of(std::string_view(described).substr(0, colon));
  if (colon != std::string::npos) message = described.substr(colon + 2);
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& system) {
    type = name_of(system.code());
  } catch (...) {
    return;
  }
}

}  // namespace evloopd::host
