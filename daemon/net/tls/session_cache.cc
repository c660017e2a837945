#include "net/tls/session_cache.h"

#include <utility>

namespace evloop {
namespace {

// A session is a few kilobytes, most of it the server's certificates.
constexpr std::size_t most_servers = 256;

}  // namespace

void SessionCache::put(const std::string& server, Session session) {
  const std::lock_guard guard(mutex_);
  if (sessions_.size() >= most_servers && !sessions_.contains(server)) sessions_.erase(sessions_.begin());
  sessions_[server] = std::move(session);
}

SessionCache::Session SessionCache::take(const std::string& server) {
  const std::lock_guard guard(mutex_);
  const auto found = sessions_.find(server);
  if (found == sessions_.end()) return {};
  auto session = std::move(found->second);
  sessions_.erase(found);
  return session;
}

}  // namespace evloop
