#include "aio/context_var.h"

#include <algorithm>
#include <atomic>
#include <cstdio>

namespace evloop {
namespace {

std::atomic<std::uint64_t> last_variable{0};

std::string address(const void* object) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", object);
  return text;
}

}  // namespace

ContextVarBase::ContextVarBase(std::string name)
    : name_(std::move(name)), id_(last_variable.fetch_add(1, std::memory_order_relaxed) + 1) {}

std::string ContextVarBase::repr() const { return "<ContextVar name='" + name_ + "' at " + address(this) + ">"; }

const std::shared_ptr<const void>* ContextVarBase::find() const noexcept {
  const auto* context = CurrentContext::get();
  if (!context || !context->bindings) return nullptr;
  const auto found = std::ranges::find(*context->bindings, id_, &ContextBinding::variable);
  return found == context->bindings->end() ? nullptr : &found->value;
}

// The bindings are shared with copies of the context: those see nothing of it.
std::shared_ptr<const void> ContextVarBase::bind(std::shared_ptr<const void> value) const {
  auto& context = CurrentContext::require();
  ContextBindings bindings;
  if (context.bindings) bindings = *context.bindings;
  std::shared_ptr<const void> old;
  const auto found = std::ranges::find(bindings, id_, &ContextBinding::variable);
  if (found != bindings.end()) {
    old = std::exchange(found->value, std::move(value));
    if (!found->value) bindings.erase(found);
  } else if (value) {
    bindings.push_back({id_, std::move(value)});
  }
  context.bindings = std::make_shared<const ContextBindings>(std::move(bindings));
  return old;
}

void ContextVarBase::throw_unset() const { throw LookupError(repr()); }

std::string ContextToken::repr() const {
  return std::string("<Token") + (used_ ? " used" : "") + " var=" + variable_->repr() + " at " + address(this) + ">";
}

std::shared_ptr<const void> ContextToken::use(const ContextVarBase& variable) {
  if (used_) throw LoopError(repr() + " has already been used once");
  if (variable_ != &variable) throw ValueError(repr() + " was created by a different ContextVar");
  if (context_.get() != CurrentContext::get()) throw ValueError(repr() + " was created in a different Context");
  used_ = true;
  context_ = nullptr;
  return std::move(old_);
}

}  // namespace evloop
