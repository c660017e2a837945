#include "workloads/dns/record.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <memory>
#include <system_error>

#include "workloads/dns/dns_error.h"

namespace evloopd::workloads {
namespace {

using Reply = std::span<const unsigned char>;
using Texts = std::vector<std::string>;

constexpr std::size_t most_addresses = 256;

int length_of(Reply reply) { return static_cast<int>(reply.size()); }

void check(int status) {
  if (status != ARES_SUCCESS) throw std::system_error(status, dns_category());
}

std::string name_of(const char* text) {
  std::string name(text);
  if (name.size() > 1 && name.ends_with('.')) name.pop_back();
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return name;
}

// The addresses of a reply: `parse` is c-ares' for one family, and fills an array of `Entry`.
template <class Entry, auto parse, int family, auto address>
Texts addresses(Reply reply) {
  std::array<Entry, most_addresses> entries{};
  int count = most_addresses;
  check(parse(reply.data(), length_of(reply), nullptr, entries.data(), &count));
  Texts texts;
  for (int i = 0; i < count; ++i) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(family, &(entries[static_cast<std::size_t>(i)].*address), text.data(), text.size());
    texts.emplace_back(text.data());
  }
  return texts;
}

// The list that `parse`, c-ares' for one type, makes of a reply.
template <class Entry, auto parse, class Text>
Texts listed(Reply reply, Text text) {
  Entry* parsed = nullptr;
  check(parse(reply.data(), length_of(reply), &parsed));
  const std::unique_ptr<Entry, decltype(&ares_free_data)> owner(parsed, &ares_free_data);
  Texts texts;
  for (const auto* each = parsed; each; each = each->next) text(texts, *each);
  return texts;
}

Texts name_servers(Reply reply) {
  hostent* parsed = nullptr;
  check(ares_parse_ns_reply(reply.data(), length_of(reply), &parsed));
  const std::unique_ptr<hostent, decltype(&ares_free_hostent)> owner(parsed, &ares_free_hostent);
  Texts texts;
  for (char** name = parsed->h_aliases; *name; ++name) texts.push_back(name_of(*name));
  return texts;
}

Texts parse(DnsType type, Reply reply) {
  switch (type) {
    case DnsType::a: return addresses<ares_addrttl, &ares_parse_a_reply, AF_INET, &ares_addrttl::ipaddr>(reply);
    case DnsType::aaaa:
      return addresses<ares_addr6ttl, &ares_parse_aaaa_reply, AF_INET6, &ares_addr6ttl::ip6addr>(reply);
    case DnsType::mx:
      return listed<ares_mx_reply, &ares_parse_mx_reply>(reply, [](Texts& texts, const auto& mail) {
        texts.push_back(std::to_string(mail.priority) + ' ' + name_of(mail.host));
      });
    case DnsType::ns: return name_servers(reply);
    case DnsType::srv:
      return listed<ares_srv_reply, &ares_parse_srv_reply>(reply, [](Texts& texts, const auto& service) {
        texts.push_back(std::to_string(service.priority) + ' ' + std::to_string(service.weight) + ' ' +
                        std::to_string(service.port) + ' ' + name_of(service.host));
      });
    case DnsType::txt: break;
  }
  return listed<ares_txt_ext, &ares_parse_txt_reply_ext>(reply, [](Texts& texts, const auto& piece) {
    if (piece.record_start || texts.empty()) texts.emplace_back();
    texts.back().append(reinterpret_cast<const char*>(piece.txt), piece.length);
  });
}

}  // namespace

int type_number(DnsType type) noexcept {
  constexpr std::array numbers{1, 28, 15, 2, 33, 16};
  return numbers.at(static_cast<std::size_t>(type));
}

std::vector<std::string> records_of(DnsType type, std::span<const unsigned char> reply) {
  auto texts = parse(type, reply);
  if (texts.empty()) check(ARES_ENODATA);
  return texts;
}

}  // namespace evloopd::workloads
