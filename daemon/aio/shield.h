#pragma once

#include <optional>
#include <utility>

#include "aio/gather.h"

namespace evloop {

// Stands between an awaiter's cancellation and `inner` (COMB-15 to COMB-17).
template <class T>
class ShieldState final : public FutureState<T> {
 public:
  explicit ShieldState(FutureState<T>& inner) : FutureState<T>(inner.loop()), inner_(&inner) {
    callback_ = inner.add_done_callback(Link(*this));
    this->add_done_callback([](FutureBase& self) { static_cast<ShieldState&>(self).detach(); });
  }

 private:
  // What the inner future's callback holds. Its end, in whatever way, ends the pointer to the inner one.
  class Link {
   public:
    explicit Link(ShieldState& shield) noexcept : shield_(&shield) {}
    Link(Link&&) noexcept = default;
    Link& operator=(Link&&) = delete;
    ~Link() {
      if (shield_) shield_->inner_ = nullptr;
    }
    void operator()(FutureBase& inner) { shield_->inner_ended(static_cast<FutureState<T>&>(inner)); }
    [[nodiscard]] FutureBase* awaiter() const noexcept { return shield_.get(); }

   private:
    Ref<ShieldState> shield_;
  };

  void inner_ended(FutureState<T>& inner) {
    if (this->done()) return;
    if (inner.cancelled()) {
      this->cancel();
    } else if (auto error = inner.exception()) {
      this->finish_with(std::move(error));
    } else {
      this->finish_with_value(inner.take_result());
    }
  }
  void detach() {
    if (inner_) inner_->remove_done_callback(callback_);
  }

  FutureBase* inner_;
  DoneCallbackId callback_;
};

// A future of the same outcome whose cancellation, and that of a task awaiting it, leaves `arg` running.
// Keep a reference to what is shielded. One that is done is answered itself.
template <class A>
auto shield(A arg) -> FutureOf<A> {
  using T = typename FutureOf<A>::Value;
  auto inner = ensure_future(std::move(arg));
  if (inner.done()) return inner;
  return Future<T>(Ref<FutureState<T>>(Ref<ShieldState<T>>(new ShieldState<T>(*inner.state()))));
}

}  // namespace evloop
