#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// asyncio's exceptions. The texts that the loop itself gives are CPython's, to the letter.
namespace evloop {

// Wrong use of a loop or of what lives on it (Python: RuntimeError).
class LoopError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A bad argument (Python: ValueError) ...
class ValueError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// ... or one of a wrong type, where the compiler could not tell (Python: TypeError).
class TypeError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// A variable that has no value in the current context (Python: LookupError).
class LookupError : public std::out_of_range {
 public:
  using std::out_of_range::out_of_range;
};

// An outcome asked for or given at the wrong time (FUT-02, FUT-03).
class InvalidState : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// A deadline passed (TMO-03). No text unless the program gives one.
class TimeoutError : public std::runtime_error {
 public:
  explicit TimeoutError(const std::string& text = {}) : std::runtime_error(text) {}
};

class QueueEmpty : public std::runtime_error {
 public:
  QueueEmpty() : std::runtime_error("queue is empty") {}
};

class QueueFull : public std::runtime_error {
 public:
  QueueFull() : std::runtime_error("queue is full") {}
};

class QueueShutDown : public std::runtime_error {
 public:
  QueueShutDown() : std::runtime_error("queue is shut down") {}
};

class BrokenBarrierError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Thrown by aclose() of a generator that is closed but went on after its GeneratorExit. The end of a generator
// that has ended is no exception here: anext() answers nothing.
class StopAsyncIteration : public std::runtime_error {
 public:
  StopAsyncIteration() : std::runtime_error("asynchronous generator is closed") {}
};

// Several errors at once (TG-03), in order of completion.
class ExceptionGroup : public std::runtime_error {
 public:
  ExceptionGroup(const std::string& text, std::vector<std::exception_ptr> errors)
      : std::runtime_error(text), errors_(std::move(errors)) {}
  [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

 private:
  std::vector<std::exception_ptr> errors_;
};

// Thrown at the await point of a cancelled task. No std::exception, as Python's is no Exception: a
// handler for ordinary errors must not swallow it. `catch (...)` does catch it, and must rethrow.
class CancelledError {
 public:
  CancelledError() = default;
  explicit CancelledError(std::optional<std::string> text) : message(std::move(text)) {}
  std::optional<std::string> message;  // given to cancel()
};

// Thrown at the co_yield of an asynchronous generator that is being closed (AGEN-07).
class GeneratorExit {};

// The tier above: these leave run_forever() at once (LIFE-34). Derive for more of them.
class Fatal {
 public:
  virtual ~Fatal() = default;
};

// Ends the run with an exit status (Python: SystemExit).
class ExitRequest : public Fatal {
 public:
  explicit ExitRequest(int exit_code) : code(exit_code) {}
  int code;
};

// The user wants out (Python: KeyboardInterrupt).
class Interrupt : public Fatal {};

// Whether `error` is of type E or derived from it.
template <class E>
[[nodiscard]] bool holds(const std::exception_ptr& error) {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

// What to print for an exception: its what(), or the name of a type that has none.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

}  // namespace evloop
