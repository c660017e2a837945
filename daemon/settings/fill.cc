#include "settings/fill.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/unique_fd.h"
#include "settings/text.h"

namespace evloopd::settings {
namespace {

constexpr std::string_view open = "${", escaped_open = "$${", file_prefix = "file:";
constexpr std::size_t max_secret_size = 1024 * 1024;

using Text = std::expected<std::string, std::string>;

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Text read_secret(const std::filesystem::path& path) {
  const auto failed = [&](std::string_view why) {
    return std::unexpected(fmt::format("cannot read {}: {}", excerpt(path.string()), why));
  };
  const auto system_failed = [&] { return failed(std::generic_category().message(errno)); };
  // Non-blocking: a pipe without a writer must not hold up the start.
  const evloop::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) return system_failed();
  if (!S_ISREG(status.st_mode)) return failed("not a regular file");
  std::string text(max_secret_size + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failed();
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > max_secret_size) return failed(fmt::format("larger than {} bytes", max_secret_size));
  text.resize(size);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Text fill_variable(std::string_view expression, const Environment& environment) {
  const auto colon = expression.find(":-");
  const std::string name(expression.substr(0, colon));
  if (!is_variable_name(name))
    return std::unexpected(
        fmt::format("${{{}}} is not understood; write ${{NAME}}, ${{NAME:-default}} or "
                    "${{file:path}}, and $${{ for a plain ${{",
                    printable(expression)));
  const auto value = environment.variable(name);
  if (value && (!value->empty() || colon == expression.npos)) {
    if (utf8_prefix(*value) == value->size()) return *value;
    return std::unexpected(fmt::format("the environment variable {} is not text in UTF-8", name));
  }
  if (colon != expression.npos) return std::string(expression.substr(colon + 2));
  return std::unexpected(
      fmt::format("the environment variable {} is not set; set it, or write ${{{}:-default}}", name, name));
}

}  // namespace

std::expected<Filled, std::string> fill(std::string_view written, const Sources& sources) {
  Filled filled;
  while (!written.empty()) {
    if (written.starts_with(escaped_open)) {
      filled.text += open;
      written.remove_prefix(escaped_open.size());
    } else if (!written.starts_with(open)) {
      filled.text += written.front();
      written.remove_prefix(1);
    } else {
      const auto end = written.find('}');
      if (end == written.npos) return std::unexpected("${ without its }; write $${ for a plain ${");
      const auto expression = written.substr(open.size(), end - open.size());
      const bool is_file = expression.starts_with(file_prefix);
      auto text = is_file ? read_secret(sources.directory / expression.substr(file_prefix.size()))
                          : fill_variable(expression, sources.environment);
      if (!text) return std::unexpected(std::move(text.error()));
      filled.text += *text;
      filled.from_file |= is_file;
      written.remove_prefix(end + 1);
    }
  }
  return filled;
}

std::string escape_fill(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(open)) result += '$';
    result += text[i];
  }
  return result;
}

}  // namespace evloopd::settings
