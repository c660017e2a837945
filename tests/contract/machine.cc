#include "contract/machine.h"

#include <algorithm>
#include <utility>

#include "aio/settled.h"
#include "contract/exceptions.h"
#include "contract/run.h"

namespace evloop::contract {

Machine::Machine(Run& run, std::string label, const Steps& body) : run_(run), label_(std::move(label)) {
  frames_.push_back({Frame::Kind::body, &body});
}

void Machine::emit(const std::string& text) const { run_.emit(label_, text); }

Machine::Request Machine::advance() {
  while (!frames_.empty()) {
    Next next;
    if (pending_.kind != Pending::Kind::none) {
      next = unwind();
    } else if (auto& frame = frames_.back(); frame.next < frame.steps->size()) {
      next = execute((*frame.steps)[frame.next++]);
    } else {
      next = end_of_steps();
    }
    if (next) return std::move(*next);
  }
  return {};
}

void Machine::raise(std::exception_ptr error) { pending_ = {Pending::Kind::raise, std::move(error), {}}; }

// --- steps ---

Machine::Next Machine::execute(const Step& step) {
  const auto& call = step.operation().call;
  if (const auto* structure = std::get_if<Control>(&call)) return control(*structure, step);
  if (!run_.burn()) return {};
  if (std::holds_alternative<SyncCall>(call)) {
    try {
      run_.do_sync(label_, step);
    } catch (...) {
      raise(std::current_exception());
    }
    return {};
  }
  if (const auto* block = std::get_if<BlockCall>(&call)) return to_await(enter_block(step, (*block)(run_, step)));
  if (const auto obstacle = run_.obstacle(step); !obstacle.empty()) {
    emit(step.headline() + " " + obstacle);
    return {};
  }
  return to_await(await_step(step, std::get<AwaitCall>(call)));
}

Coro<void> Machine::await_step(const Step& step, AwaitCall call) {
  emit(step.headline() + " ...");
  const auto ended = co_await settled(call(run_, step));
  if (!ended) {
    emit(step.headline() + " ! " + exception_text(ended.error()));
    std::rethrow_exception(ended.error());
  }
  emit(step.headline() + " = " + ended.value());
}

// --- control steps ---

Machine::Next Machine::control(Control control, const Step& step) {
  // Each pass of a loop is counted, not the loop.
  if (control == Control::repeat) {
    frames_.push_back({Frame::Kind::repeat, &step.body(), &step, step.body().size(), step.number("times")});
    return {};
  }
  if (control == Control::async_for) return iterate(step);
  if (!run_.burn()) return {};
  switch (control) {
    case Control::log: emit("log " + step.text("text")); break;
    case Control::return_: pending_ = {Pending::Kind::return_, nullptr, step.value("value")}; break;
    case Control::raise:
      raise(make_exception(step.member("exc")));
      emit("raise " + exception_text(pending_.error));
      break;
    case Control::reraise: reraise(); break;
    case Control::try_: frames_.push_back({Frame::Kind::try_body, &step.body(), &step}); break;
    case Control::yield: {
      const auto value = step.value("value");
      emit("yield " + value.text());
      return Request{Request::Kind::yield, {}, value};
    }
    case Control::repeat:
    case Control::async_for: break;
  }
  return {};
}

// The exception of the innermost clause.
void Machine::reraise() {
  const auto clause = std::find_if(frames_.rbegin(), frames_.rend(),
                                   [](const Frame& frame) { return frame.kind == Frame::Kind::clause; });
  emit("reraise " + exception_text(clause->handled));
  raise(clause->handled);
}

void Machine::sent(const Value& value) { emit("resumed " + value.text()); }

void Machine::thrown(std::exception_ptr error) {
  emit("yield ! " + exception_text(error));
  raise(std::move(error));
}

Machine::Next Machine::iterate(const Step& step) {
  const auto found = run_.objects().generators.find(step.text("id"));
  if (found == run_.objects().generators.end()) {
    if (run_.burn()) emit(step.headline() + " unbound");
    return {};
  }
  frames_.push_back({Frame::Kind::async_for, &step.body(), &step, step.body().size()});
  if (step.has("max")) frames_.back().passes_left = step.number("max");
  frames_.back().generator = found->second;
  return {};
}

Coro<void> Machine::next_item(const Step& step, AsyncGenerator<Value, Value> generator) {
  emit(step.headline() + " ...");
  const auto ended = co_await settled(generator.anext());
  if (!ended) {
    emit(step.headline() + " ! " + exception_text(ended.error()));
    std::rethrow_exception(ended.error());
  }
  if (const auto& item = ended.value()) {
    emit(step.headline() + " = " + item->text());
  } else {
    emit(step.headline() + " end");
    frames_.pop_back();
  }
}

// --- the ends of bodies ---

Machine::Next Machine::end_of_steps() {
  auto& frame = frames_.back();
  switch (frame.kind) {
    case Frame::Kind::body: frames_.pop_back(); break;
    case Frame::Kind::try_body:
      frame.kind = Frame::Kind::otherwise;
      frame.steps = &frame.owner->otherwise();
      frame.next = 0;
      break;
    case Frame::Kind::clause:
    case Frame::Kind::otherwise: leave_try(frame); break;
    case Frame::Kind::finally:
      pending_ = std::move(frame.pending);
      frames_.pop_back();
      break;
    case Frame::Kind::repeat:
    case Frame::Kind::async_for:
      if ((frame.passes_left && (*frame.passes_left)-- == 0) || !run_.burn()) {
        frames_.pop_back();
        break;
      }
      frame.next = 0;
      if (frame.kind == Frame::Kind::async_for) return to_await(next_item(*frame.owner, frame.generator));
      break;
    case Frame::Kind::block: return leave_block();
  }
  return {};
}

// An exception or a return passes the innermost frame.
Machine::Next Machine::unwind() {
  auto& frame = frames_.back();
  switch (frame.kind) {
    case Frame::Kind::try_body:
      if (pending_.kind == Pending::Kind::raise && !run_.sealed()) {
        const auto& clauses = frame.owner->clauses();
        const auto clause =
            std::ranges::find_if(clauses, [this](const Clause& one) { return matches(pending_.error, one.types); });
        if (clause != clauses.end()) {
          frame.kind = Frame::Kind::clause;
          frame.steps = &clause->body;
          frame.next = 0;
          frame.handled = std::exchange(pending_, {}).error;
          emit("caught " + exception_text(frame.handled));
          return {};
        }
      }
      leave_try(frame);
      break;
    case Frame::Kind::clause:
    case Frame::Kind::otherwise: leave_try(frame); break;
    case Frame::Kind::block: return leave_block();
    case Frame::Kind::body:
    case Frame::Kind::finally:
    case Frame::Kind::repeat:
    case Frame::Kind::async_for: frames_.pop_back(); break;
  }
  return {};
}

// On to the finally body, which keeps what is pending for after it.
void Machine::leave_try(Frame& frame) {
  frame.kind = Frame::Kind::finally;
  frame.steps = &frame.owner->finally();
  frame.next = 0;
  frame.pending = std::exchange(pending_, {});
}

// --- blocks ---

Coro<void> Machine::enter_block(const Step& step, std::unique_ptr<Block> block) {
  emit(step.headline() + " ...");
  const auto ended = co_await settled(block->enter());
  if (!ended) {
    emit(step.headline() + " ! " + exception_text(ended.error()));
    std::rethrow_exception(ended.error());
  }
  emit(step.headline() + " entered");
  frames_.push_back({Frame::Kind::block, &step.body(), &step});
  frames_.back().block = std::move(block);
}

Machine::Next Machine::leave_block() {
  auto frame = std::move(frames_.back());
  frames_.pop_back();
  return to_await(leave_block(*frame.owner, std::move(frame.block), std::exchange(pending_, {})));
}

Coro<void> Machine::leave_block(const Step& step, std::unique_ptr<Block> block, Pending pending) {
  emit(step.headline() + " leaving");
  const auto ended = co_await settled(block->leave(pending.error));
  if (!ended) {
    emit(step.headline() + " ! " + exception_text(ended.error()));
    std::rethrow_exception(ended.error());
  }
  emit(step.headline() + " left");
  // An exception may have been swallowed; a return goes on.
  if (ended.value()) {
    raise(ended.value());
  } else if (pending.kind == Pending::Kind::return_) {
    pending_ = std::move(pending);
  }
}

}  // namespace evloop::contract
