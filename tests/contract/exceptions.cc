#include "contract/exceptions.h"

#include <algorithm>
#include <string_view>
#include <system_error>

namespace evloop::contract {
namespace {

struct Named {
  std::string name;
  std::string message{};
};

// Three messages embed the representation of an object; it is cut out.
std::string without_representation(std::string message) {
  constexpr std::string_view group = "TaskGroup <";
  constexpr std::string_view itself = "Task cannot await on itself";
  if (message.starts_with(group)) {
    const auto end = message.rfind("> ");
    if (end != std::string::npos) message.replace(0, end + 1, "TaskGroup");
  } else if (message.starts_with(itself)) {
    message.resize(itself.size());
  }
  return message;
}

Named named(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const AppError& e) {
    return {"AppError", e.what()};
  } catch (const OtherError& e) {
    return {"OtherError", e.what()};
  } catch (const SystemExit& e) {
    return {"SystemExit", e.message};
  } catch (const CancelledError& e) {
    return {"CancelledError", e.message.value_or("")};
  } catch (const GeneratorExit&) {
    return {"GeneratorExit"};
  } catch (const LoopError& e) {
    return {"RuntimeError", without_representation(e.what())};
  } catch (const ValueError& e) {
    return {"ValueError", e.what()};
  } catch (const TimeoutError& e) {
    return {"TimeoutError", e.what()};
  } catch (const ExceptionGroup& e) {
    std::vector<std::string> inner;
    for (const auto& one : e.errors()) inner.push_back(exception_text(one));
    return {"ExceptionGroup", std::string(e.what()) + " [" + join(inner, ", ") + "]"};
  } catch (const TypeError&) {
    return {"TypeError"};
  } catch (const InvalidState&) {
    return {"InvalidStateError"};
  } catch (const QueueEmpty&) {
    return {"QueueEmpty"};
  } catch (const QueueFull&) {
    return {"QueueFull"};
  } catch (const BrokenBarrierError&) {
    return {"BrokenBarrierError"};
  } catch (const StopAsyncIteration&) {
    return {"StopAsyncIteration"};
  } catch (const std::system_error&) {
    return {"OSError"};
  } catch (...) {
    // Nothing of Python's: it shows as a difference.
    return {"C++", describe(std::current_exception())};
  }
}

}  // namespace

std::exception_ptr make_exception(const Json& spec) {
  const auto type = spec.at("type").get<std::string>();
  const auto message = spec.value("msg", std::string());
  if (type == "AppError") return std::make_exception_ptr(AppError(message));
  if (type == "OtherError") return std::make_exception_ptr(OtherError(message));
  if (type == "RuntimeError") return std::make_exception_ptr(LoopError(message));
  if (type == "ValueError") return std::make_exception_ptr(ValueError(message));
  if (type == "TimeoutError") return std::make_exception_ptr(TimeoutError(message));
  if (type == "SystemExit") return std::make_exception_ptr(SystemExit(message));
  if (type == "CancelledError")
    return std::make_exception_ptr(message.empty() ? CancelledError() : CancelledError(message));
  throw std::invalid_argument("programs cannot raise " + type);
}

std::string exception_spec_text(const Json& spec) {
  const auto message = spec.value("msg", std::string());
  const auto type = spec.at("type").get<std::string>();
  return message.empty() ? type : type + ": " + message;
}

std::string exception_text(const std::exception_ptr& error) {
  const auto [name, message] = named(error);
  return message.empty() ? name : name + ": " + message;
}

bool matches(const std::exception_ptr& error, const std::vector<std::string>& types) {
  const auto name = named(error).name;
  const bool ordinary = name != "CancelledError" && name != "SystemExit" && name != "GeneratorExit";
  return std::ranges::any_of(types, [&](const std::string& type) {
    return type == name || type == "BaseException" || (type == "Exception" && ordinary);
  });
}

}  // namespace evloop::contract
