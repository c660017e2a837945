#include "net/tls_layer.h"

#include <utility>

namespace evloop {
namespace {

TlsUse of(TlsClient client, const std::string& host, const char* nameless) {
  if (!client) return {};
  const auto& name = client->server_hostname();
  if (!name && host.empty()) throw ValueError(nameless);
  auto expected = name.value_or(host);
  return {std::move(client), std::move(expected)};
}

}  // namespace

TlsUse tls_to(TlsClient client, const std::string& host) {
  return of(std::move(client), host, "You must set server_hostname when using ssl without a host");
}

TlsUse tls_to_unix(TlsClient client) {
  return of(std::move(client), "", "you have to pass server_hostname when using ssl");
}

}  // namespace evloop
