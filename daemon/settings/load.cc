#include "settings/load.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <system_error>

#include "settings/claims.h"
#include "settings/loops.h"
#include "settings/names.h"
#include "settings/parse.h"
#include "settings/text.h"
#include "settings/value.h"
#include "settings/words.h"
#include "settings/workloads.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;

void read_daemon(const Value& value, DaemonSettings& settings) {
  auto daemon = value.mapping();
  const auto name = daemon["name"];
  if (assign(settings.name, name.text(daemon_name_syntax)) && !is_daemon_name(settings.name))
    name.refuse(fmt::format("must be {}, got {}", daemon_name_syntax, excerpt(settings.name)));
  auto shutdown = daemon["shutdown"].mapping();
  assign(settings.shutdown.lame_duck, shutdown["lame_duck"].duration(0s, 1h));
  assign(settings.shutdown.drain, shutdown["drain"].duration(0s, 24h));
  shutdown.finish();
  assign(settings.exec_checks, daemon["exec_checks"].boolean());
  assign(settings.exec_workloads, daemon["exec_workloads"].boolean());
  daemon.finish();
}

std::optional<mode_t> read_mode(const Value& value) {
  constexpr std::string_view what = "an octal mode such as \"0660\"";
  const auto text = value.text(what);
  if (!text) return std::nullopt;
  mode_t mode = 0;
  const auto* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, mode, 8);
  if (error == std::errc() && rest == end && text->size() >= 3 && mode <= 0777) return mode;
  value.refuse(fmt::format("must be {}, got {}", what, excerpt(*text)));
  return std::nullopt;
}

void read_socket(Mapping socket, ControlSocket& settings, const Environment& environment, Claims& claims) {
  const auto place = socket["socket"];
  assign(settings.socket, place.text("the path of a unix socket"));
  if (!settings.socket.starts_with('/')) settings.socket = environment.runtime_directory + '/' + settings.socket;
  const Address address{.family = Address::Family::unix_socket, .host = settings.socket};
  if (settings.socket.ends_with('/') || settings.socket.find('\0') != std::string::npos)
    place.refuse(fmt::format("must be the path of a unix socket, got {}", excerpt(settings.socket)));
  else if (settings.socket.size() > max_socket_path)
    place.refuse(fmt::format("must have at most {} bytes with the runtime directory before it, got {}: {}",
                             max_socket_path, settings.socket.size(), printable(settings.socket)));
  else
    claims.claim(address, place);
  assign(settings.mode, read_mode(socket["mode"]));
  constexpr std::string_view group_syntax = "the name of a group";
  const auto group = socket["group"];
  if (assign(settings.group, group.text(group_syntax)) && settings.group.find('\0') != std::string::npos)
    group.refuse(fmt::format("must be {}, got {}", group_syntax, excerpt(settings.group)));
  socket.finish();
}

void read_control(const Value& value, ControlSettings& settings, const Environment& environment, Claims& claims) {
  auto control = value.mapping();
  read_socket(control["observe"].mapping(), settings.observe, environment, claims);
  const auto admin = control["admin"];
  read_socket(admin.mapping(), settings.admin, environment, claims);
  if ((settings.admin.mode & 0007) != 0)
    admin.mapping()["mode"].refuse(
        fmt::format("must give no rights to others, because who connects there may do everything; got {:04o}",
                    settings.admin.mode));
  control.finish();
}

void read_metrics(const Value& value, MetricsSettings& settings, Claims& claims) {
  auto metrics = value.mapping();
  const auto place = metrics["address"];
  assign(settings.enabled, metrics["enabled"].boolean());
  if (const auto address = place.address()) {
    settings.address = address->to_string();
    if (address->family == Address::Family::unix_socket)
      place.refuse(fmt::format("must be an IP address with its port, got {}", excerpt(settings.address)));
  }
  if (const auto address = Address::parse(settings.address); address && settings.enabled) claims.claim(*address, place);
  metrics.finish();
}

void read_log(const Value& value, LogSettings& settings) {
  auto log = value.mapping();
  assign(settings.level, log["level"].choice_of<evloop::LogLevel>(log_level_words));
  assign(settings.format, log["format"].choice_of<LogFormat>(log_format_words));
  log.finish();
}

Settings read_settings(const NodePtr& root, Reading& reading, const Kinds& kinds) {
  static const std::array<std::string, 1> versions{"1"};
  const auto& environment = reading.sources.environment;
  Settings settings;
  Claims claims;
  const Value file(reading, root, root->position, {});
  auto keys = file.mapping();
  if (!file.is_mapping()) return settings;

  static_cast<void>(keys["version"].require("write `version: 1`").choice(versions));
  read_daemon(keys["daemon"], settings.daemon);
  auto loops = read_loops(keys["loops"], reading);
  // Sections that hold one address before those that hold many: it is a listener, then, that has to go elsewhere.
  const auto workloads = keys["workloads"];
  read_control(keys["control"], settings.control, environment, claims);
  read_metrics(keys["metrics"], settings.metrics, claims);
  settings.workloads = read_workloads(workloads, loops, claims, settings.daemon, kinds);
  read_log(keys["log"], settings.log);
  keys.finish();
  settings.loops = std::move(loops.options);
  settings.loop_groups = std::move(loops.groups);
  return settings;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// No more than one byte over the limit, so that parse() can tell.
std::expected<std::string, std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
  std::string text(max_file_size + 1, '\0');
  if (file) text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (!file || std::ferror(file.get()) != 0)
    return std::unexpected("cannot be read: " + std::generic_category().message(errno));
  return text;
}

}  // namespace

LoadResult load_text(const std::string& name, const std::string& text, const Environment& environment,
                     const Kinds& kinds) {
  Report report(name);
  Settings settings;
  if (const auto root = parse(text, report)) {
    std::map<std::string, std::string> hidden;
    Reading reading{.report = report,
                    .sources = {.environment = environment, .directory = std::filesystem::path(name).parent_path()},
                    .hidden = hidden};
    settings = read_settings(root, reading, kinds);
    settings.hidden = std::move(hidden);
  }
  if (report.size() > 0) return std::unexpected(report.take());
  return settings;
}

LoadResult load_file(const std::string& path, const Environment& environment, const Kinds& kinds) {
  const auto text = read_file(path);
  if (text) return load_text(path, *text, environment, kinds);
  return std::unexpected(std::vector<Problem>{{.file = path, .path = {}, .message = text.error()}});
}

}  // namespace evloopd::settings
