#include "aio/gather.h"

#include <utility>

namespace evloop {

// What a pending child's callback holds. Its end, in whatever way, ends the pointer to the child.
class GatherBase::Link {
 public:
  Link(GatherBase& gather, std::size_t slot) noexcept : keep_(&gather.self_), gather_(&gather), slot_(slot) {}
  Link(Link&& other) noexcept
      : keep_(std::move(other.keep_)), gather_(std::exchange(other.gather_, nullptr)), slot_(other.slot_) {}
  Link& operator=(Link&&) = delete;
  ~Link() {
    if (gather_) gather_->slots_[slot_].pending = nullptr;
  }
  void operator()(FutureBase& child) { gather_->child_ended(slot_, child); }
  [[nodiscard]] FutureBase* awaiter() const noexcept { return keep_.get(); }

 private:
  FutureRef keep_;
  GatherBase* gather_;
  std::size_t slot_;
};

std::optional<std::size_t> GatherBase::find(const FutureBase& child) const noexcept {
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].pending == &child || slots_[i].ended.get() == &child) return i;
  return std::nullopt;
}

void GatherBase::add(FutureBase& child) {
  if (&child.loop() != &self_.loop())
    throw ValueError("The future belongs to a different loop than the one specified as the loop argument");
  if (const auto slot = find(child)) {
    order_.push_back(*slot);
    return;
  }
  const auto slot = slots_.size();
  order_.push_back(slot);
  slots_.emplace_back();
  if (child.done()) {
    slots_[slot].ended = FutureRef(&child);
    early_.push_back(slot);
  } else {
    slots_[slot].pending = &child;
    child.add_done_callback(Link(*this, slot));
  }
}

void GatherBase::begin() {
  if (order_.empty()) give_values();
  for (const auto slot : std::exchange(early_, {})) child_ended(slot, *slots_[slot].ended);
}

void GatherBase::child_ended(std::size_t slot, FutureBase& child) {
  slots_[slot].pending = nullptr;
  slots_[slot].ended = FutureRef(&child);
  ++ended_;
  if (self_.done()) {
    child.mark_retrieved();
    return;
  }
  if (!keeps_errors_) {
    if (child.cancelled()) return give_error(child.make_cancelled_error());
    if (auto error = child.exception()) return give_error(std::move(error));
  }
  if (ended_ < slots_.size()) return;
  // Cancelled while it ran: whatever the children made of it (COMB-07).
  if (cancel_requested_) return give_error(this->child(size() - 1).make_cancelled_error());
  give_values();
}

bool GatherBase::cancel_children(const std::optional<std::string>& message) {
  bool any = false;
  for (const auto slot : order_)
    if (auto* child = slots_[slot].pending)
      if (child->cancel(message)) any = true;
  if (any) cancel_requested_ = true;
  return any;
}

}  // namespace evloop
