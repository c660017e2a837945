#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/async_generator.h"
#include "aio/coro.h"
#include "contract/operation.h"
#include "contract/program.h"
#include "contract/value.h"

namespace evloop::contract {

// Executes the steps of one activation of a body, as a small stack machine: `try`, `finally`, `return` and `yield` at
// any depth, with Python's semantics. What has to be awaited or yielded it hands to the coroutine that drives it; a
// synchronous body needs no driver. Lives in its driver's frame.
class Machine {
 public:
  Machine(Run& run, std::string label, const Steps& body);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // What the driver has to do before it calls advance() again.
  struct Request {
    enum class Kind : std::uint8_t { finished, await, yield };
    Kind kind = Kind::finished;
    Coro<void> work{};  // to await; raise() what it throws
    Value value{};      // to yield; then sent() or thrown()
  };
  [[nodiscard]] Request advance();
  // An exception arrives where the body stands.
  void raise(std::exception_ptr error);
  // How a yield ended.
  void sent(const Value& value);
  void thrown(std::exception_ptr error);

  // Finished: what left the body, or null; and what it returned.
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return pending_.error; }
  [[nodiscard]] const Value& result() const noexcept { return pending_.value; }
  [[nodiscard]] const std::string& label() const noexcept { return label_; }

 private:
  // What goes on when the bodies around have had their say: nothing, an exception, or a return.
  struct Pending {
    enum class Kind : std::uint8_t { none, raise, return_ };
    Kind kind = Kind::none;
    std::exception_ptr error{};
    Value value{};
  };
  struct Frame {
    enum class Kind : std::uint8_t { body, try_body, clause, otherwise, finally, repeat, block, async_for };
    Kind kind;
    const Steps* steps;
    const Step* owner = nullptr;  // the step whose body this is
    std::size_t next = 0;
    std::optional<std::int64_t> passes_left{};  // none: without limit
    std::exception_ptr handled{};               // clause: what it caught
    Pending pending{};                          // finally: what goes on after it
    std::unique_ptr<Block> block{};
    AsyncGenerator<Value, Value> generator{};
  };
  // Nothing: the machine goes on by itself.
  using Next = std::optional<Request>;

  Next execute(const Step& step);
  Next control(Control control, const Step& step);
  Next iterate(const Step& step);
  Next end_of_steps();
  Next unwind();
  void leave_try(Frame& frame);
  void reraise();
  Next leave_block();

  [[nodiscard]] Coro<void> await_step(const Step& step, AwaitCall call);
  [[nodiscard]] Coro<void> enter_block(const Step& step, std::unique_ptr<Block> block);
  [[nodiscard]] Coro<void> leave_block(const Step& step, std::unique_ptr<Block> block, Pending pending);
  [[nodiscard]] Coro<void> next_item(const Step& step, AsyncGenerator<Value, Value> generator);
  [[nodiscard]] static Request to_await(Coro<void> work) { return {Request::Kind::await, std::move(work), {}}; }
  void emit(const std::string& text) const;

  Run& run_;
  const std::string label_;
  std::vector<Frame> frames_;
  Pending pending_;
};

}  // namespace evloop::contract
