#include "contract/operation.h"

#include <map>
#include <sstream>
#include <stdexcept>

namespace evloop::contract {
namespace {

using Operations = std::map<std::string, Known, std::less<>>;

Operations all_operations() {
  Operations all;
  for (const auto family :
       {control_operations, loop_operations, thread_operations, future_operations, await_operations, scope_operations,
        lock_operations, queue_operations, generator_operations, socket_operations})
    for (const auto& operation : family()) all.emplace(operation.name, Known{operation, operation.parsed_fields()});
  return all;
}

}  // namespace

std::vector<Field> Operation::parsed_fields() const {
  std::vector<Field> parsed;
  std::istringstream words{std::string(fields)};
  for (std::string word; words >> word;) {
    const bool required = word.back() != '?';
    if (!required) word.pop_back();
    const auto colon = word.find(':');
    auto type = colon == std::string::npos ? word : word.substr(colon + 1);
    parsed.push_back({word.substr(0, colon), std::move(type), required});
  }
  return parsed;
}

const Known& find_operation(const std::string& name) {
  static const Operations operations = all_operations();
  const auto found = operations.find(name);
  if (found == operations.end()) throw std::invalid_argument("unknown operation " + name);
  return found->second;
}

std::vector<Operation> control_operations() {
  return {
      {"log", "text", Control::log},
      {"return", "value?", Control::return_},
      {"raise", "exc", Control::raise},
      {"reraise", "", Control::reraise},
      {"try", "body:steps except:clauses? else:steps? finally:steps?", Control::try_},
      {"repeat", "times:count body:steps", Control::repeat},
      {"async_for", "id:agen max:count? body:steps", Control::async_for},
      {"yield", "value", Control::yield},
  };
}

}  // namespace evloop::contract
