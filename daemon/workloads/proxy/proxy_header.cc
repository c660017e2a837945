#include "workloads/proxy/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

namespace evloopd::workloads {
namespace {

using namespace std::string_view_literals;

constexpr auto signature_v1 = "PROXY"sv;
constexpr std::size_t longest_v1 = 107;  // with its CR LF
constexpr auto signature_v2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t fixed_v2 = 16;

// Types of what version 2 carries behind the addresses, and of what its TLS part carries.
enum class Field : std::uint8_t { alpn = 0x01, authority = 0x02, crc32c = 0x03, tls = 0x20, tls_version = 0x21 };

const ParsedHeader bad{.state = HeaderState::bad};

std::uint8_t byte_at(std::string_view text, std::size_t index) { return static_cast<std::uint8_t>(text[index]); }
std::uint16_t short_at(std::string_view text, std::size_t index) {
  return static_cast<std::uint16_t>(byte_at(text, index) << 8U | byte_at(text, index + 1));
}

bool begins_alike(std::string_view text, std::string_view signature) {
  const auto length = std::min(text.size(), signature.size());
  return text.substr(0, length) == signature.substr(0, length);
}

// --- version 1 ---

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<IpEndpoint> parse_endpoint(int family, std::string_view host, std::string_view port) {
  const auto number = parse_port(port);
  if (!number) return std::nullopt;
  in6_addr address;
  if (::inet_pton(family, std::string(host).c_str(), &address) != 1) return std::nullopt;
  return IpEndpoint{.address = family == AF_INET ? IpAddress::v4(&address) : IpAddress::v6(&address), .port = *number};
}

ParsedHeader parse_v1(std::string_view text) {
  const auto end = text.substr(0, longest_v1).find("\r\n");
  if (end == text.npos) return text.size() < longest_v1 ? ParsedHeader{} : bad;
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin <= end;) {
    const auto space = std::min(text.find(' ', begin), end);
    words.push_back(text.substr(begin, space - begin));
    begin = space + 1;
  }
  ParsedHeader parsed{.state = HeaderState::complete, .length = end + 2, .header = {}};
  if (words.size() >= 2 && words[0] == signature_v1 && words[1] == "UNKNOWN") return parsed;
  if (words.size() != 6 || words[0] != signature_v1 || (words[1] != "TCP4" && words[1] != "TCP6")) return bad;
  const int family = words[1] == "TCP4" ? AF_INET : AF_INET6;
  const auto source = parse_endpoint(family, words[2], words[4]);
  const auto destination = parse_endpoint(family, words[3], words[5]);
  if (!source || !destination) return bad;
  parsed.header.source = *source;
  parsed.header.destination = *destination;
  return parsed;
}

// --- version 2 ---

constexpr auto crc32c_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    auto value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? 0x82f63b78U : 0U);
    table[i] = value;
  }
  return table;
}();

// Of the header, with zeros where the checksum itself stands.
std::uint32_t crc32c(std::string_view header, std::size_t checksum_at) {
  auto crc = ~0U;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto byte = i >= checksum_at && i < checksum_at + 4 ? std::uint8_t{0} : byte_at(header, i);
    crc = crc >> 8U ^ crc32c_table[(crc ^ byte) & 0xffU];
  }
  return ~crc;
}

// Calls `use` with the type, the place of the value in `header`, and the value of each field. False if they do not end
// where they should, or `use` says so.
template <class F>
bool for_each_field(std::string_view header, std::size_t begin, std::size_t end, F use) {
  while (begin < end) {
    if (end - begin < 3) return false;
    const std::size_t length = short_at(header, begin + 1);
    if (end - begin - 3 < length) return false;
    if (!use(static_cast<Field>(byte_at(header, begin)), begin + 3, header.substr(begin + 3, length))) return false;
    begin += 3 + length;
  }
  return true;
}

bool read_fields(std::string_view header, std::size_t begin, TlsFacts& tls) {
  return for_each_field(header, begin, header.size(), [&](Field type, std::size_t at, std::string_view value) {
    switch (type) {
      case Field::alpn: tls.alpn = value; return true;
      case Field::authority: tls.server_name = value; return true;
      case Field::crc32c:
        return value.size() == 4 &&
               crc32c(header, at) == (std::uint32_t{short_at(value, 0)} << 16U | short_at(value, 2));
      case Field::tls:  // one byte of flags and four of the certificate's verdict come first
        return value.size() >= 5 &&
               for_each_field(header, at + 5, at + value.size(), [&](Field inner, std::size_t, std::string_view text) {
                 if (inner == Field::tls_version) tls.version = text;
                 return true;
               });
      default: return true;
    }
  });
}

ParsedHeader parse_v2(std::string_view text) {
  if (text.size() < fixed_v2) return {};
  const auto version_and_command = byte_at(text, 12);
  const auto family = byte_at(text, 13);
  const std::size_t length = fixed_v2 + short_at(text, 14);
  if (version_and_command >> 4U != 2 || (version_and_command & 0xfU) > 1 || length > most_proxy_header) return bad;
  if (text.size() < length) return {};
  const auto header = text.substr(0, length);
  ParsedHeader parsed{.state = HeaderState::complete, .length = length, .header = {}};
  const bool is_local = (version_and_command & 0xfU) == 0;
  std::size_t addresses = 0;
  switch (family >> 4U) {
    case 0:  // unspecified: there are none, and what follows is not defined
      return parsed;
    case 1: addresses = 12; break;
    case 2: addresses = 36; break;
    case 3: addresses = 216; break;
    default: return bad;
  }
  if (header.size() < fixed_v2 + addresses) return is_local ? parsed : bad;
  const auto* const place = header.data() + fixed_v2;
  auto& [source, destination, tls] = parsed.header;
  if (!is_local && addresses == 12) {
    source = {.address = IpAddress::v4(place), .port = short_at(header, fixed_v2 + 8)};
    destination = {.address = IpAddress::v4(place + 4), .port = short_at(header, fixed_v2 + 10)};
  } else if (!is_local && addresses == 36) {
    source = {.address = IpAddress::v6(place), .port = short_at(header, fixed_v2 + 32)};
    destination = {.address = IpAddress::v6(place + 16), .port = short_at(header, fixed_v2 + 34)};
  }
  if (!read_fields(header, fixed_v2 + addresses, tls)) return bad;
  return parsed;
}

void append_short(std::string& text, std::size_t number) {
  text += static_cast<char>(number >> 8U & 0xffU);
  text += static_cast<char>(number & 0xffU);
}

void append_field(std::string& text, Field type, std::string_view value) {
  text += static_cast<char>(type);
  append_short(text, value.size());
  text += value;
}

// In a family that takes both: an IPv4 address is written as an IPv6 one where the other is one.
void append_address(std::string& text, const IpAddress& address, bool as_v6) {
  if (as_v6 && address.kind == IpAddress::Kind::v4) text.append("\0\0\0\0\0\0\0\0\0\0\xff\xff"sv);
  text.append(reinterpret_cast<const char*>(address.bytes.data()), address.kind == IpAddress::Kind::v4 ? 4 : 16);
}

bool needs_v6(const ProxyHeader& header) {
  return header.source.address.kind == IpAddress::Kind::v6 || header.destination.address.kind == IpAddress::Kind::v6;
}

}  // namespace

ParsedHeader parse_proxy_header(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (begins_alike(text, signature_v2)) return parse_v2(text);
  if (begins_alike(text, signature_v1)) return parse_v1(text);
  return bad;
}

std::string proxy_header_v1(const ProxyHeader& header) {
  const auto& [source, destination, _] = header;
  if (!source || !destination) return "PROXY UNKNOWN\r\n";
  const bool v6 = needs_v6(header);
  const auto host = [v6](const IpAddress& address) {
    return (v6 && address.kind == IpAddress::Kind::v4 ? "::ffff:" : "") + address.to_string();
  };
  return std::string("PROXY ") + (v6 ? "TCP6 " : "TCP4 ") + host(source.address) + ' ' + host(destination.address) +
         ' ' + std::to_string(source.port) + ' ' + std::to_string(destination.port) + "\r\n";
}

std::string proxy_header_v2(const ProxyHeader& header) {
  const auto& [source, destination, tls] = header;
  const bool known = source && destination;
  std::string rest;
  if (known) {
    const bool v6 = needs_v6(header);
    append_address(rest, source.address, v6);
    append_address(rest, destination.address, v6);
    append_short(rest, source.port);
    append_short(rest, destination.port);
    if (!tls.alpn.empty()) append_field(rest, Field::alpn, tls.alpn);
    if (!tls.server_name.empty()) append_field(rest, Field::authority, tls.server_name);
    if (!tls.version.empty()) {
      std::string part("\x01\0\0\0\0"sv);  // the client came by TLS, and no certificate of it was refused
      append_field(part, Field::tls_version, tls.version);
      append_field(rest, Field::tls, part);
    }
  }
  std::string text(signature_v2);
  text += known ? '\x21' : '\x20';
  text += !known ? '\0' : needs_v6(header) ? '\x21' : '\x11';
  append_short(text, rest.size());
  return text + rest;
}

}  // namespace evloopd::workloads
