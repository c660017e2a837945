#include "host/job.h"

#include <utility>

namespace evloopd::host {

void JobCatalogue::add(std::string kind, Maker maker) { makers_.insert_or_assign(std::move(kind), std::move(maker)); }

HostResult<JobStart> JobCatalogue::make(const JobSpec& spec) const {
  const auto maker = makers_.find(spec.kind);
  if (maker != makers_.end()) return maker->second(spec.options);
  std::string allowed = makers_.empty() ? "of a kind that the daemon knows, and it knows none" : "one of";
  for (const auto& kind : kinds()) allowed += " " + kind;
  return std::unexpected(bad_argument("job.kind", allowed, spec.kind));
}

std::vector<std::string> JobCatalogue::kinds() const {
  std::vector<std::string> kinds;
  for (const auto& [kind, maker] : makers_) kinds.push_back(kind);
  return kinds;
}

}  // namespace evloopd::host
