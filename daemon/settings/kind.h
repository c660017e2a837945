#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/listening_socket.h"
#include "host/workload.h"
#include "settings/address.h"
#include "settings/value.h"

// What a kind of workload tells the configuration of itself. The built-in ones (kinds.h) tell nothing else.
namespace evloopd::settings {

// Where a workload's keys stand.
struct KindContext {
  const std::vector<Address>& listeners;  // of the workload
  bool exec_checks = false;               // the configuration lets checks run programs
  bool exec_workloads = false;            // ... and workloads
};

// The values of one workload that came out of a ${file:...}, for printing.
class Hidden {
 public:
  // `expressions`: see Settings::hidden. `path`: the workload's, such as "workloads[0]".
  Hidden(const std::map<std::string, std::string>& expressions, std::string path)
      : expressions_(expressions), path_(std::move(path)) {}

  // A text as YAML has it, or what stands for it if it is hidden. `key`: the workload's.
  [[nodiscard]] std::string text(std::string_view value, std::string_view key) const;

 private:
  const std::map<std::string, std::string>& expressions_;
  const std::string path_;
};

// What the keys of one workload say: read, checked and immutable. Any thread.
class KindOptions {
 public:
  virtual ~KindOptions() = default;
  KindOptions(const KindOptions&) = delete;
  KindOptions& operator=(const KindOptions&) = delete;

  [[nodiscard]] const std::string& kind() const noexcept { return kind_; }
  // A workload that does what they say. Throws for what only shows now, such as a file that is not there.
  [[nodiscard]] virtual std::unique_ptr<host::Workload> make() const = 0;
  // Every key with its value, a line of YAML each, not indented.
  [[nodiscard]] virtual std::vector<std::string> print(const Hidden& hidden) const = 0;

 protected:
  explicit KindOptions(std::string kind) : kind_(std::move(kind)) {}

 private:
  const std::string kind_;
};
using SharedKindOptions = std::shared_ptr<const KindOptions>;

// A kind of workload by its name.
struct Kind {
  std::string name;  // "tcp.proxy"
  // What it listens for, on as many loops as it is given. One that listens for nothing runs on one loop.
  host::Listens listens = host::Listens::streams;
  // Asks for each key that there is, and reports what is wrong with it (value.h). What it answers is used only if
  // nothing was.
  std::function<SharedKindOptions(Mapping& keys, const KindContext& context)> read;
  // Its keys as `properties` of a JSON schema, for editors.
  std::string schema = "{}";
};
using Kinds = std::vector<Kind>;

// What a kind does with its options, a plain struct.
template <class Options>
struct KindFunctions {
  std::function<Options(Mapping& keys, const KindContext& context)> read;
  std::function<std::vector<std::string>(const Options& options, const Hidden& hidden)> print;
  std::function<std::unique_ptr<host::Workload>(const Options& options)> make;
};

template <class Options>
class OptionsOf final : public KindOptions {
 public:
  OptionsOf(std::string kind, Options options, KindFunctions<Options> functions)
      : KindOptions(std::move(kind)), options_(std::move(options)), functions_(std::move(functions)) {}

  [[nodiscard]] const Options& get() const noexcept { return options_; }
  [[nodiscard]] std::unique_ptr<host::Workload> make() const override { return functions_.make(options_); }
  [[nodiscard]] std::vector<std::string> print(const Hidden& hidden) const override {
    return functions_.print(options_, hidden);
  }

 private:
  const Options options_;
  const KindFunctions<Options> functions_;
};

// A kind made of them. Its name is for its errors, too.
template <class Options>
[[nodiscard]] Kind make_kind(std::string name, KindFunctions<Options> functions) {
  Kind kind;
  kind.name = name;
  kind.read = [name, functions](Mapping& keys, const KindContext& context) -> SharedKindOptions {
    return std::make_shared<OptionsOf<Options>>(name, functions.read(keys, context), functions);
  };
  return kind;
}

}  // namespace evloopd::settings
