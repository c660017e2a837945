#include "control/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace evloopd::control {

Calls::Ticket::~Ticket() {
  if (calls_ == nullptr) return;
  const std::lock_guard lock(calls_->mutex_);
  calls_->calls_.erase(id_);
}

Calls::Ticket Calls::enter(std::string method, std::string resource) {
  const std::lock_guard lock(mutex_);
  if (calls_.size() >= limit_)
    return Ticket(fmt::format("{} calls wait for their loops already, which is the most that may", limit_));
  const auto same = [&](const auto& entry) { return entry.second.resource == resource; };
  if (std::ranges::count_if(calls_, same) >= static_cast<std::ptrdiff_t>(limit_of_one_))
    return Ticket(fmt::format("{} calls wait for {} already, which is the most that may", limit_of_one_, resource));
  const auto id = next_id_++;
  calls_.emplace(id, Call{std::move(method), std::move(resource)});
  return {this, id};
}

std::vector<std::string> Calls::waiting() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [id, call] : calls_) names.push_back(call.method + " " + call.resource);
  return names;
}

}  // namespace evloopd::control
