#include "aio/errors.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace evloop {
namespace {

std::string type_name(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                   std::free);
  return status == 0 ? name.get() : type.name();
}

}  // namespace

std::string describe(const std::exception_ptr& error) {
  if (!error) return "no exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    const std::string text = e.what();
    return text.empty() ? type_name(typeid(e)) : type_name(typeid(e)) + ": " + text;
  } catch (const CancelledError& e) {
    return e.message ? "evloop::CancelledError: " + *e.message : "evloop::CancelledError";
  } catch (...) {
    const auto* type = abi::__cxa_current_exception_type();
    return type ? type_name(*type) : "unknown exception";
  }
}

}  // namespace evloop
