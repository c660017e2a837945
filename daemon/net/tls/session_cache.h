#pragma once

#include <openssl/ssl.h>

#include <map>
#include <mutex>
#include <string>

#include "net/tls/openssl_ptr.h"

namespace evloop {

// The sessions that a client may resume, the latest of each server by name. Any thread.
class SessionCache {
 public:
  using Session = OpenSslPtr<SSL_SESSION, SSL_SESSION_free>;

  void put(const std::string& server, Session session);
  // None, or one that is then gone from here: a ticket shown twice lets an onlooker tell that it is the same client.
  [[nodiscard]] Session take(const std::string& server);

 private:
  std::mutex mutex_;
  std::map<std::string, Session, std::less<>> sessions_;  // guarded by mutex_
};

}  // namespace evloop
