#include "aio/async_generator.h"

#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "aio/gather.h"
#include "base/log.h"

namespace evloop {
namespace {

std::string repr(const GeneratorBase& generator) {
  return std::string("<async_generator ") + generator.where().function_name() + ">";
}

struct CloseOperation {
  Ref<GeneratorBase> generator;
  std::exception_ptr error{};  // null: GeneratorExit
  GeneratorStep awaited(AwaitSite site) && {
    return {std::move(generator), GeneratorVerb::aclose, std::move(error), false, site};
  }
};

// For a task of the loop's own. One that is cancelled before its first step still enters this, and the
// generator gets the CancelledError instead.
Coro<void> close_as_task(Ref<GeneratorBase> generator) {
  std::exception_ptr cancellation;
  try {
    current_task()->deliver_interrupt(nullptr);
  } catch (...) {
    cancellation = std::current_exception();
  }
  co_await CloseOperation{std::move(generator), std::move(cancellation)};
}

}  // namespace

Coro<void> close_generator(Ref<GeneratorBase> generator) { co_await CloseOperation{std::move(generator)}; }

void GeneratorBase::register_once() {
  if (std::exchange(iterated_, true)) return;
  if (auto* loop = running_loop_or_null()) loop->generator_started(*this);
}

bool GeneratorBase::begin(GeneratorVerb verb, std::exception_ptr error, bool sends) {
  if (busy_) {
    constexpr const char* names[] = {"anext", "anext", "athrow", "aclose"};
    throw LoopError(std::string(names[static_cast<std::size_t>(verb)]) +
                    "(): asynchronous generator is already running");
  }
  if (state_ == State::finished) return false;
  const bool exits = verb == GeneratorVerb::aclose && !error;
  if (closed_) {
    // It ignored a GeneratorExit.
    if (exits) throw StopAsyncIteration();
    if (verb == GeneratorVerb::athrow) return false;
  }
  if (exits) error = std::make_exception_ptr(GeneratorExit());
  if (state_ == State::created) {
    if (sends) throw TypeError("can't send non-None value to a just-started async generator");
    if (error) {
      // Thrown at its very start: nothing of it runs.
      failure_ = std::move(error);
      state_ = State::finished;
      return false;
    }
  }
  if (exits) closed_ = true;
  injected_ = std::move(error);
  busy_ = true;
  return true;
}

// What says that a generator has ended must not come out of one that failed (PEP 479, PEP 525).
void GeneratorBase::unhandled_exception() noexcept {
  failure_ = std::current_exception();
  if (holds<StopAsyncIteration>(failure_))
    failure_ = std::make_exception_ptr(LoopError("async generator raised StopAsyncIteration"));
}

std::coroutine_handle<> GeneratorBase::enter(AwaitSite site, std::coroutine_handle<> awaiting) noexcept {
  continuation_ = awaiting;
  task = site.task;
  state_ = State::running;
  enter_awaited_frame(site);
  return frame_;
}

bool GeneratorBase::end(GeneratorVerb verb) {
  busy_ = false;
  if (auto failure = std::exchange(failure_, nullptr)) {
    const bool exited = holds<GeneratorExit>(failure);
    if (exited) closed_ = true;
    if (exited && verb == GeneratorVerb::aclose) return false;
    std::rethrow_exception(std::move(failure));
  }
  if (state_ == State::suspended && verb == GeneratorVerb::aclose)
    throw LoopError("async generator ignored GeneratorExit");
  if (state_ == State::finished) closed_ = true;
  return state_ == State::suspended;
}

void GeneratorBase::dispose() noexcept {
  if (registered_) loop_->generator_gone(*this);
  // Not twice: it may have ignored its GeneratorExit.
  if (state_ == State::suspended && !closed_ && port_ && !port_->is_closed()) {
    try {
      const Ref<GeneratorBase> self(this);
      loop_->call_soon([loop = loop_, self] { static_cast<void>(loop->close_generator_in_task(*self)); });
      return;
    } catch (...) {
      // It cannot be closed in order: its frame is unwound below.
      if (references_ > 0) return;
    }
  }
  frame_.destroy();
}

// --- the loop's register ---

void EventLoop::generator_started(GeneratorBase& generator) {
  if (asyncgens_shutdown_)
    log(LogLevel::warning,
        "asynchronous generator " + repr(generator) + " was scheduled after loop.shutdown_asyncgens() call");
  generator.loop_ = this;
  generator.port_ = port_;
  generator.registered_ = true;
  generator.previous_ = last_generator_;
  (last_generator_ ? last_generator_->next_ : generators_) = &generator;
  last_generator_ = &generator;
}

void EventLoop::generator_gone(GeneratorBase& generator) noexcept {
  (generator.previous_ ? generator.previous_->next_ : generators_) = generator.next_;
  (generator.next_ ? generator.next_->previous_ : last_generator_) = generator.previous_;
  generator.next_ = generator.previous_ = nullptr;
  generator.registered_ = false;
}

Task<void> EventLoop::close_generator_in_task(GeneratorBase& generator) {
  auto task = create_task(close_as_task(Ref<GeneratorBase>(&generator)));
  task.base().started_ = true;
  return task;
}

Coro<void> EventLoop::shutdown_asyncgens() {
  asyncgens_shutdown_ = true;
  if (!generators_) co_return;
  const auto closing = std::make_shared<std::vector<Ref<GeneratorBase>>>();
  std::erase_if(asyncgen_shutdowns_, [](const auto& shutdown) { return shutdown.expired(); });
  asyncgen_shutdowns_.push_back(closing);
  while (generators_) {
    closing->emplace_back(generators_);
    generator_gone(*generators_);
  }
  std::vector<Future<void>> ends;
  for (const auto& generator : *closing) {
    generator->register_once();
    ends.push_back(close_generator_in_task(*generator));
  }
  const auto outcomes = co_await gather_outcomes(std::move(ends));
  for (std::size_t i = 0; i < closing->size(); ++i) {
    // A cancellation is no error.
    if (outcomes[i] || outcomes[i].cancelled()) continue;
    call_exception_handler(
        {.message = "an error occurred during closing of asynchronous generator " + repr(*(*closing)[i]),
         .exception = outcomes[i].error(),
         .asyncgen = (*closing)[i].get()});
  }
}

}  // namespace evloop
