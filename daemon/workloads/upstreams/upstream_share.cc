#include "workloads/upstreams/upstream_share.h"

#include <algorithm>
#include <utility>

namespace evloopd::workloads {

UpstreamShare::UpstreamShare(evloop::EventLoop& loop, std::shared_ptr<Pool> pool)
    : loop_(loop),
      pool_(std::move(pool)),
      number_(pool_->next_share()),
      balancer_(make_balancer(pool_->options().balance, number_)),
      retries_(pool_->options().retries),
      supervisor_(loop, pool_) {
  refresh(loop_.time());
}

UpstreamShare::~UpstreamShare() {
  timer_.cancel();
  pool_->lease().release(number_);
}

Place UpstreamShare::take(std::uint64_t key, std::span<const Endpoint* const> tried, evloop::TimePoint now) {
  if (pool_->version() != view_->version || now >= view_->good_until) refresh(now);
  for (;;) {
    const auto index = balancer_->choose(key, Balancer::Open(tried));
    if (!index) return {};
    // Another loop may have taken the last place meanwhile.
    if (auto place = Place::at(*view_->candidates[*index].endpoint)) return place;
  }
}

bool UpstreamShare::may_come(std::span<const Endpoint* const> tried) const {
  if (view_->candidates.empty()) return view_->unresolved;
  const Balancer::Open open(tried);
  return !std::ranges::all_of(view_->candidates, [&](const auto& candidate) { return open.was_tried(candidate); });
}

void UpstreamShare::refresh(evloop::TimePoint now) {
  auto view = pool_->view(now);
  balancer_->use(*view);
  view_ = std::move(view);  // the old one was in use until now
  if (!timed_ && pool_->is_supervised()) tick_after(evloop::Duration::zero());
}

void UpstreamShare::tick_after(evloop::Duration delay) {
  if (std::exchange(timed_, true)) return;
  timer_ = loop_.call_later(delay, [this] { tick(); });
}

void UpstreamShare::tick() {
  timed_ = false;
  const auto now = loop_.time();
  if (now >= view_->good_until) refresh(now);
  const bool supervised = pool_->is_supervised();
  const bool waiting = pool_->waiting() > 0;
  if (supervised || waiting) tick_after(tick_interval);
  // A loop that was stopped when its client's turn came has had nobody call it.
  if (waiting) pool_->call_next();
  if (supervised && pool_->lease().hold(number_, now))
    supervisor_.work();
  else
    supervisor_.rest();
}

}  // namespace evloopd::workloads
