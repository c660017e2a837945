#include "workloads/dns/dns_client.h"

#include <ares.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "aio/future.h"
#include "workloads/dns/dns_error.h"

namespace evloopd::workloads {
namespace {

using evloop::Coro;
using evloop::Duration;
using evloop::Future;
using std::chrono::seconds;

constexpr int in_class = 1, srv_type = 33;

std::exception_ptr make_error(int status, const std::string& name) {
  return std::make_exception_ptr(std::system_error(status, dns_category(), name));
}

void check(int status, const char* doing) {
  if (status != ARES_SUCCESS) throw std::system_error(status, dns_category(), doing);
}

// What c-ares is given for a query: who waits for it. Somebody who was cancelled does not any more.
template <class T>
struct Question {
  std::string name;
  Future<T> answer;

  void fail(int status) const {
    if (answer.done()) return;
    if (status == ARES_EDESTRUCTION)
      answer.cancel();  // with the client goes who would hear of it
    else
      answer.set_exception(make_error(status, name));
  }
  void succeed(T value) const {
    if (!answer.done()) answer.set_result(std::move(value));
  }
};

struct SrvRecord {
  int priority;
  std::string host;
  std::uint16_t port;
};
struct SrvReply {
  std::vector<SrvRecord> records;
  Duration ttl;
};

std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(ares_addrinfo* result) {
  return {result, &ares_freeaddrinfo};
}

void take_addresses(void* argument, int status, int /*timeouts*/, ares_addrinfo* result) {
  const std::unique_ptr<Question<DnsAnswer>> question(static_cast<Question<DnsAnswer>*>(argument));
  const auto info = owned(result);
  if (status != ARES_SUCCESS) return question->fail(status);
  DnsAnswer answer{.addresses = {}, .ttl = Duration::max()};
  for (const auto* node = info->nodes; node; node = node->ai_next) {
    const evloop::SocketAddress address(node->ai_addr, node->ai_addrlen);
    answer.ttl = std::min<Duration>(answer.ttl, seconds(std::max(node->ai_ttl, 0)));
    if (std::ranges::find(answer.addresses, address) == answer.addresses.end()) answer.addresses.push_back(address);
  }
  if (answer.addresses.empty()) return question->fail(ARES_ENODATA);
  question->succeed(std::move(answer));
}

// c-ares 1.18 does not say how long SRV records are good for: so this walks over them. Empty: they make no sense.
std::optional<Duration> least_ttl(std::span<const unsigned char> reply) {
  constexpr std::size_t header = 12;
  if (reply.size() < header) return std::nullopt;
  const auto number = [&](std::size_t at) { return static_cast<std::uint32_t>(reply[at] << 8U | reply[at + 1]); };
  const auto questions = number(4), answers = number(6);
  std::size_t at = header;
  const auto skip_name = [&] {
    char* name = nullptr;
    long length = 0;
    if (at >= reply.size() || ares_expand_name(reply.data() + at, reply.data(), static_cast<int>(reply.size()), &name,
                                               &length) != ARES_SUCCESS)
      return false;
    ares_free_string(name);
    at += static_cast<std::size_t>(length);
    return true;
  };
  for (std::uint32_t i = 0; i < questions; ++i, at += 4)
    if (!skip_name()) return std::nullopt;
  Duration least = Duration::max();
  for (std::uint32_t i = 0; i < answers; ++i) {
    if (!skip_name() || at + 10 > reply.size()) return std::nullopt;
    least = std::min<Duration>(least, seconds(std::uint64_t{number(at + 4)} << 16U | number(at + 6)));
    at += 10 + number(at + 8);
  }
  return least;
}

void take_services(void* argument, int status, int /*timeouts*/, unsigned char* buffer, int length) {
  const std::unique_ptr<Question<SrvReply>> question(static_cast<Question<SrvReply>*>(argument));
  if (status != ARES_SUCCESS) return question->fail(status);
  ares_srv_reply* parsed = nullptr;
  if (const int error = ares_parse_srv_reply(buffer, length, &parsed); error != ARES_SUCCESS)
    return question->fail(error);
  const std::unique_ptr<ares_srv_reply, decltype(&ares_free_data)> records(parsed, &ares_free_data);
  const auto ttl = least_ttl({buffer, static_cast<std::size_t>(length)});
  if (!ttl) return question->fail(ARES_EBADRESP);
  SrvReply reply{.records = {}, .ttl = *ttl};
  for (const auto* each = records.get(); each; each = each->next)
    reply.records.push_back({.priority = each->priority, .host = each->host, .port = each->port});
  question->succeed(std::move(reply));
}

struct RecordsQuestion : Question<std::vector<std::string>> {
  DnsType type;
};

void take_records(void* argument, int status, int /*timeouts*/, unsigned char* buffer, int length) {
  const std::unique_ptr<RecordsQuestion> question(static_cast<RecordsQuestion*>(argument));
  if (status != ARES_SUCCESS) return question->fail(status);
  try {
    question->succeed(records_of(question->type, {buffer, static_cast<std::size_t>(length)}));
  } catch (const std::system_error& error) {
    question->fail(error.code().value());
  }
}

}  // namespace

struct DnsClient::Ares {
  Ares() = default;
  Ares(const Ares&) = delete;
  Ares& operator=(const Ares&) = delete;
  // Fails what is asked still.
  ~Ares() {
    if (channel) ares_destroy(channel);
  }

  ares_channel channel = nullptr;

  static void socket_changed(void* self, int fd, int readable, int writable) {
    static_cast<DnsClient*>(self)->watch(fd, readable != 0, writable != 0);
  }
};

DnsClient::DnsClient(evloop::EventLoop& loop, const DnsOptions& options)
    : loop_(loop), ares_(std::make_unique<Ares>()) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  check(library, "c-ares");
  ares_options settings{};
  settings.sock_state_cb = &Ares::socket_changed;
  settings.sock_state_cb_data = this;
  // A second try takes twice as long as the first; then it is over.
  settings.tries = 2;
  const auto first_try = std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout / 3).count();
  settings.timeout = static_cast<int>(std::clamp<std::int64_t>(first_try, 1, std::numeric_limits<int>::max()));
  check(ares_init_options(&ares_->channel, &settings, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS),
        "c-ares");
  std::string servers;
  for (const auto& server : options.servers) servers += (servers.empty() ? "" : ",") + server;
  if (!servers.empty()) check(ares_set_servers_ports_csv(ares_->channel, servers.c_str()), "DNS servers");
}

DnsClient::~DnsClient() { timer_.cancel(); }

Coro<DnsAnswer> DnsClient::lookup(DnsName name) {
  if (!name.is_service()) co_return co_await addresses_of(std::move(name.host), name.port);
  const auto [services, ttl] = co_await services_of(std::move(name.host));
  DnsAnswer all{.addresses = {}, .ttl = ttl};
  for (const auto& [host, port] : services) {
    const auto some = co_await addresses_of(host, port);
    all.ttl = std::min(all.ttl, some.ttl);
    for (const auto& address : some.addresses)
      if (std::ranges::find(all.addresses, address) == all.addresses.end()) all.addresses.push_back(address);
  }
  co_return all;
}

Coro<DnsAnswer> DnsClient::addresses_of(std::string host, std::uint16_t port) {
  const auto answer = loop_.create_future<DnsAnswer>();
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT | ARES_AI_NUMERICSERV;
  ares_getaddrinfo(ares_->channel, host.c_str(), std::to_string(port).c_str(), &hints, &take_addresses,
                   new Question<DnsAnswer>{host, answer});
  set_timer();
  co_return co_await answer;
}

Coro<DnsClient::Services> DnsClient::services_of(std::string name) {
  const auto answer = loop_.create_future<SrvReply>();
  ares_query(ares_->channel, name.c_str(), in_class, srv_type, &take_services, new Question<SrvReply>{name, answer});
  set_timer();
  const auto reply = co_await answer;
  const auto lowest = std::ranges::min_element(reply.records, {}, &SrvRecord::priority);
  Services services{.list = {}, .ttl = reply.ttl};
  // A single "." says that there is no such service.
  for (const auto& record : reply.records)
    if (record.priority == lowest->priority && !record.host.empty() && record.port != 0)
      services.list.push_back({.host = record.host, .port = record.port});
  if (services.list.empty()) std::rethrow_exception(make_error(ARES_ENODATA, name));
  co_return services;
}

Coro<std::vector<std::string>> DnsClient::records(std::string name, DnsType type) {
  const auto answer = loop_.create_future<std::vector<std::string>>();
  ares_query(ares_->channel, name.c_str(), in_class, type_number(type), &take_records,
             new RecordsQuestion{{name, answer}, type});
  set_timer();
  co_return co_await answer;
}

void DnsClient::watch(int fd, bool readable, bool writable) {
  if (loop_.is_closed()) return;
  const auto set = [&](evloop::Interest side, bool wanted, int read_fd, int write_fd) {
    if (wanted && !loop_.is_watched(fd, side)) {
      loop_.watch(fd, side, [this, read_fd, write_fd] { process(read_fd, write_fd); });
    } else if (!wanted) {
      loop_.unwatch(fd, side);
    }
  };
  set(evloop::Interest::read, readable, fd, ARES_SOCKET_BAD);
  set(evloop::Interest::write, writable, ARES_SOCKET_BAD, fd);
}

void DnsClient::process(int readable, int writable) {
  ares_process_fd(ares_->channel, readable, writable);
  set_timer();
}

void DnsClient::set_timer() {
  timer_.cancel();
  timeval time{};
  if (!ares_timeout(ares_->channel, nullptr, &time)) return;
  const Duration delay = seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  timer_ = loop_.call_later(delay, [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
}

}  // namespace evloopd::workloads
