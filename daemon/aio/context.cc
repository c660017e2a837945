#include "aio/context.h"

namespace evloop {
namespace {

// What a thread sets outside of all loops ends with the thread.
struct AtThreadEnd {
  ~AtThreadEnd() { CurrentContext::exchange(nullptr); }
};

}  // namespace

constinit thread_local ContextState* CurrentContext::state_ = nullptr;

void CurrentContext::drop() noexcept { exchange(nullptr); }

Context CurrentContext::copy() { return Context(Ref(new ContextState(state_->bindings))); }

ContextState& CurrentContext::require() {
  if (!state_) {
    static thread_local AtThreadEnd at_thread_end;
    exchange(Ref(new ContextState(nullptr)));
  }
  return *state_;
}

Context Context::empty() { return Context(Ref(new ContextState(nullptr))); }

Context Context::copy() const { return state_ ? Context(Ref(new ContextState(state_->bindings))) : Context(); }

Context copy_context() { return CurrentContext::any() ? CurrentContext::capture() : Context::empty(); }

}  // namespace evloop
