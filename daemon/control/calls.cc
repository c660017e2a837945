#include "control/calls.h"

#include <utility>

namespace evloopd::control {

Calls::Ticket::~Ticket() {
  if (calls_ == nullptr) return;
  const std::lock_guard lock(calls_->mutex_);
  calls_->calls_.erase(id_);
}

Calls::Ticket Calls::enter(std::string what) {
  const std::lock_guard lock(mutex_);
  if (calls_.size() >= limit_) return {};
  const auto id = next_id_++;
  calls_.emplace(id, std::move(what));
  return {this, id};
}

std::vector<std::string> Calls::waiting() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [id, name] : calls_) names.push_back(name);
  return names;
}

}  // namespace evloopd::control
