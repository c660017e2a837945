#include "contract/objects.h"

namespace evloop::contract {

void Objects::bind(const std::string& id, const Future<Value>& future) {
  futures[id] = future;
  labels_.emplace(future.state().get(), id);
  keep(future);
}

void Objects::clear() noexcept {
  done_callbacks.clear();
  handles.clear();
  timeouts.clear();
  groups.clear();
  futures.clear();
  kept_.clear();
  generators.clear();
  kept_generators_.clear();
}

std::string Objects::label(FutureBase& future) const {
  if (const auto bound = labels_.find(&future); bound != labels_.end()) return bound->second;
  if (const auto* task = future.as_task()) {
    const auto named = coroutine_names_.find(task->coroutine().address());
    if (named != coroutine_names_.end()) return named->second;
  }
  return internal_label;
}

}  // namespace evloop::contract
