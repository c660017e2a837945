#include "settings/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "net/socket_address.h"
#include "settings/quoted.h"
#include "settings/text.h"
#include "settings/units.h"
#include "settings/words.h"
#include "workloads/dns/dns_name.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;
using workloads::CheckKind;
using workloads::CheckOptions;
using workloads::DnsType;

constexpr std::size_t max_words = 64;
constexpr std::size_t longest_service = 1024;

// Which kinds have a key.
constexpr unsigned of(CheckKind kind) { return 1U << static_cast<unsigned>(kind); }
constexpr unsigned tcp = of(CheckKind::tcp), tls = of(CheckKind::tls), http = of(CheckKind::http),
                   expect = of(CheckKind::expect), exec = of(CheckKind::exec), grpc = of(CheckKind::grpc),
                   dns = of(CheckKind::dns);
constexpr std::array<std::pair<std::string_view, unsigned>, 20> owners{{{"port", tcp | tls | http | expect | grpc},
                                                                        {"tls", http | expect | grpc},
                                                                        {"verify", tls | http | expect | grpc},
                                                                        {"server_name", tls | http | expect | grpc},
                                                                        {"ca", tls | http | expect | grpc},
                                                                        {"minimum_version", tls | http | expect | grpc},
                                                                        {"method", http},
                                                                        {"path", http},
                                                                        {"host", http},
                                                                        {"statuses", http},
                                                                        {"header", http},
                                                                        {"body", http},
                                                                        {"send", expect},
                                                                        {"expect", expect},
                                                                        {"command", exec},
                                                                        {"service", grpc},
                                                                        {"authority", grpc},
                                                                        {"query", dns},
                                                                        {"type", dns},
                                                                        {"answers", dns}}};

unsigned owners_of(std::string_view key) {
  const auto found = std::ranges::find(owners, key, &std::pair<std::string_view, unsigned>::first);
  return found == owners.end() ? ~0U : found->second;
}

// A line of a protocol.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}
bool is_word(std::string_view text) { return is_printable(text) && text.find(' ') == text.npos; }

template <class Is>
void read_word(std::string& target, const Value& value, std::string_view what, Is is) {
  if (assign(target, value.text(what)) && !is(target))
    value.refuse(fmt::format("must be {}, got {}", what, excerpt(target)));
}

bool is_status(std::string_view text) {
  return text.size() == 3 && text[0] >= '1' && text[0] <= '5' &&
         (text.substr(1) == "xx" || std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; }));
}

class Reader {
 public:
  Reader(const Value& value, const CheckRules& rules)
      : value_(value), keys_(value.mapping()), rules_(rules), check_(rules.defaults) {}

  CheckOptions read(bool may_exec) {
    if (!value_.is_mapping()) return check_;
    read_kind();
    read_pace();
    if (has("port")) assign(check_.port, keys_["port"].integer(0, 65535));
    if (has("tls")) read_tls();
    if (has("method")) read_http();
    if (has("expect")) read_expect();
    if (has("command")) read_command(may_exec);
    if (has("service")) read_grpc();
    if (has("query")) read_dns();
    refuse_foreign_keys();
    keys_.finish();
    return check_;
  }

 private:
  // One of the kinds that are allowed here has the key.
  [[nodiscard]] bool has(std::string_view key) const {
    if (key == "port" && !rules_.other_port) return false;
    return std::ranges::any_of(rules_.kinds, [&](CheckKind kind) { return (owners_of(key) & of(kind)) != 0; });
  }

  void read_kind() {
    std::vector<std::string> words;
    for (const auto kind : rules_.kinds) words.push_back(word_of(check_kind_words, kind));
    const auto kind = keys_["kind"].require(fmt::format("write {}", one_of(words)));
    if (const auto choice = kind.choice(words)) check_.kind = rules_.kinds[*choice];
  }

  void read_pace() {
    if (assign(check_.interval, keys_["interval"].duration(10ms, 1h)))
      check_.down_interval = std::min(check_.interval, rules_.longest_down);
    assign(check_.down_interval, keys_[rules_.down_interval].duration(10ms, 1h));
    assign(check_.jitter, keys_["jitter"].integer(0, 50));
    assign(check_.timeout, keys_["timeout"].duration(1ms, 10min));
    assign(check_.rise, keys_["rise"].integer(1, 100));
    assign(check_.fall, keys_["fall"].integer(1, 100));
  }

  void read_tls() {
    assign(check_.tls, keys_["tls"].boolean());
    auto& with = check_.tls_options;
    assign(with.verify, keys_["verify"].boolean());
    read_word(with.server_name, keys_["server_name"], "the name of a host", is_printable);
    read_word(with.ca, keys_["ca"], "the absolute path of a file",
              [](const std::string& text) { return text.empty() || text.starts_with('/'); });
    assign(with.minimum_version, keys_["minimum_version"].choice_of<evloop::TlsVersion>(tls_version_words));
  }

  void read_http() {
    read_word(check_.method, keys_["method"], "a method such as GET, in capitals", [](const std::string& text) {
      return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
    });
    read_word(check_.path, keys_["path"], "a path that begins with /, without spaces",
              [](const std::string& text) { return text.starts_with('/') && is_word(text); });
    read_word(check_.host, keys_["host"], "the name of a host", is_word);
    const auto statuses = keys_["statuses"];
    if (statuses.present()) {
      check_.statuses.clear();
      for (const auto& item : statuses.list("a list of statuses", max_words))
        read_word(check_.statuses.emplace_back(), item, "a status such as 204 or 2xx", is_status);
      if (statuses.is_empty_sequence()) statuses.refuse("is empty; no answer would do");
    }
    read_word(check_.header, keys_["header"], "a header such as `X-Ready: yes`", is_printable);
    assign(check_.body, keys_["body"].text("a text"));
  }

  void read_expect() {
    assign(check_.send, keys_["send"].secret("a text"));
    const auto expected = keys_["expect"];
    assign(check_.expect, expected.text("a text"));
    if (check_.kind == CheckKind::expect && check_.expect.empty()) expected.refuse("must say what is expected");
  }

  void read_command(bool may_exec) {
    const auto command = keys_["command"];
    check_.may_exec = may_exec;
    for (const auto& item : command.list("a list: the program and its arguments", max_words))
      assign(check_.command.emplace_back(), item.text("a text"));
    if (check_.kind != CheckKind::exec) return;
    if (!may_exec) command.refuse("must not be run: daemon.exec_checks is false");
    if (check_.command.empty()) command.require("write `command: [/usr/bin/true]`");
  }

  void read_grpc() {
    read_word(check_.service, keys_["service"], "the name of a service, at most 1024 characters",
              [](const std::string& text) { return text.size() <= longest_service && is_word(text); });
    read_word(check_.authority, keys_["authority"], "the name of a host", is_word);
  }

  void read_dns() {
    const auto query = keys_["query"];
    if (check_.kind == CheckKind::dns) query.require("write `query: www.example.org`");
    read_word(check_.query, query, "a name such as www.example.org", workloads::is_host_name);
    assign(check_.type, keys_["type"].choice_of<DnsType>(dns_type_words));
    for (const auto& item : keys_["answers"].list("a list of records", max_words))
      if (auto answer = item.text("a record as the zone has it")) check_.answers.push_back(record_of(item, *answer));
  }

  // In the spelling that answers come in.
  [[nodiscard]] std::string record_of(const Value& item, std::string text) const {
    const bool v4 = check_.type == DnsType::a, v6 = check_.type == DnsType::aaaa;
    if (v4 || v6) {
      if (evloop::SocketAddress::is_ip(text)) {
        const auto address = evloop::SocketAddress::ip(text, 0);
        if (address.family() == (v4 ? AF_INET : AF_INET6)) return address.host();
      }
      item.refuse(fmt::format("must be an IPv{} address, as the type is {}, got {}", v4 ? 4 : 6,
                              word_of(dns_type_words, check_.type), excerpt(text)));
    } else if (check_.type != DnsType::txt) {
      if (text.size() > 1 && text.ends_with('.')) text.pop_back();
      std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    }
    return text;
  }

  // Those of no check are let pass: so it is turned off by one word.
  void refuse_foreign_keys() {
    if (check_.kind == CheckKind::none) return;
    for (const auto& [key, kinds] : owners)
      if (has(key) && (kinds & of(check_.kind)) == 0)
        if (const auto value = keys_[key]; value.present())
          value.refuse(fmt::format("is not for a check of the kind {}", word_of(check_kind_words, check_.kind)));
  }

  const Value& value_;
  Mapping keys_;
  const CheckRules& rules_;
  CheckOptions check_;
};

}  // namespace

CheckOptions read_check(const Value& value, const CheckRules& rules, bool may_exec) {
  return Reader(value, rules).read(may_exec);
}

std::vector<std::string> print_check(const CheckOptions& check, const CheckRules& rules, const Hidden& hidden,
                                     const std::string& path) {
  std::vector<std::string> lines;
  const auto shown = check.kind == CheckKind::none ? rules.kinds : std::vector{check.kind};
  const auto add = [&](std::string_view key, std::string_view value) {
    if (std::ranges::any_of(shown, [&](CheckKind kind) { return (owners_of(key) & of(kind)) != 0; }))
      lines.push_back(fmt::format("{}: {}", key, value));
  };
  add("kind", word_of(check_kind_words, check.kind));
  add("interval", format_duration(check.interval));
  add(rules.down_interval, format_duration(check.down_interval));
  add("jitter", std::to_string(check.jitter));
  add("timeout", format_duration(check.timeout));
  add("rise", std::to_string(check.rise));
  add("fall", std::to_string(check.fall));
  if (rules.other_port) add("port", std::to_string(check.port));
  add("tls", check.tls ? "true" : "false");
  add("verify", check.tls_options.verify ? "true" : "false");
  add("server_name", free_text(check.tls_options.server_name));
  add("ca", free_text(check.tls_options.ca));
  add("minimum_version", free_text(word_of(tls_version_words, check.tls_options.minimum_version)));
  add("method", free_text(check.method));
  add("path", free_text(check.path));
  add("host", free_text(check.host));
  add("statuses", list_of(check.statuses));
  add("header", free_text(check.header));
  add("body", free_text(check.body));
  add("send", hidden.text(check.send, path + ".send"));
  add("expect", free_text(check.expect));
  add("command", list_of(check.command));
  add("service", free_text(check.service));
  add("authority", free_text(check.authority));
  add("query", free_text(check.query));
  add("type", word_of(dns_type_words, check.type));
  add("answers", list_of(check.answers));
  return lines;
}

std::vector<std::string> read_name_servers(const Value& value) {
  std::vector<std::string> servers;
  for (const auto& item : value.list("a list of addresses", max_words)) {
    const auto address = item.address();
    if (address && address->family == Address::Family::unix_socket) item.refuse("must be an IP address with its port");
    if (address) servers.push_back(address->to_string());
  }
  return servers;
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + free_text(text);
  return '[' + all + ']';
}

}  // namespace evloopd::settings
