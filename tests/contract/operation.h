#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aio/coro.h"

// The operations of programs, as rows of tables: one table for each family, each row with the call it stands for.
namespace evloop::contract {

class Run;
class Step;

// An `async with`: what a block does where it is entered and left.
class Block {
 public:
  virtual ~Block() = default;
  virtual Coro<void> enter() = 0;
  // `error` is what the body threw (null: nothing). Answers what goes on from there; throws what replaces it.
  virtual Coro<std::exception_ptr> leave(std::exception_ptr error) = 0;
};

// What a step answers: the text behind "=", or nothing.
using Result = std::optional<std::string>;

using SyncCall = Result (*)(Run&, const Step&);
using AwaitCall = Coro<std::string> (*)(Run&, const Step&);
using BlockCall = std::unique_ptr<Block> (*)(Run&, const Step&);
enum class Control { log, return_, raise, reraise, try_, repeat, async_for, yield };

// A member of a step's JSON object. Its type says how it appears in the headline and whether it names something that
// must be bound first.
struct Field {
  std::string name;
  std::string type;
  bool required;
};

struct Operation {
  std::string_view name;
  std::string_view fields;  // "id:awaitable msg:text?"; a type that is not given is the name
  std::variant<Control, SyncCall, AwaitCall, BlockCall> call;
  bool is_long = false;  // other lines may come between its opening and its closing line

  [[nodiscard]] std::vector<Field> parsed_fields() const;
};

// An operation and its fields. Throws std::invalid_argument for an unknown name.
struct Known {
  Operation operation;
  std::vector<Field> fields;
};
[[nodiscard]] const Known& find_operation(const std::string& name);

// The families.
[[nodiscard]] std::vector<Operation> control_operations();
[[nodiscard]] std::vector<Operation> loop_operations();
[[nodiscard]] std::vector<Operation> thread_operations();
[[nodiscard]] std::vector<Operation> future_operations();
[[nodiscard]] std::vector<Operation> await_operations();
[[nodiscard]] std::vector<Operation> scope_operations();
[[nodiscard]] std::vector<Operation> lock_operations();
[[nodiscard]] std::vector<Operation> queue_operations();
[[nodiscard]] std::vector<Operation> generator_operations();
[[nodiscard]] std::vector<Operation> socket_operations();

}  // namespace evloop::contract
