#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "aio/context.h"
#include "aio/errors.h"

namespace evloop {

// The part of a ContextVar that does not depend on its type. Constant after construction: any thread.
class ContextVarBase {
 public:
  ContextVarBase(const ContextVarBase&) = delete;
  ContextVarBase& operator=(const ContextVarBase&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string repr() const;

 protected:
  explicit ContextVarBase(std::string name);
  ~ContextVarBase() = default;

  // Its value in the current context; null: none. Valid until it is set there again.
  [[nodiscard]] const std::shared_ptr<const void>* find() const noexcept;
  // Answers what it was bound to. Null: it is set no longer.
  std::shared_ptr<const void> bind(std::shared_ptr<const void> value) const;
  [[noreturn]] void throw_unset() const;

 private:
  const std::string name_;
  const std::uint64_t id_;  // never used again
};

// What ContextVar::set() answers: how to undo it, once, in the same context.
class ContextToken {
 public:
  ContextToken(ContextToken&&) noexcept = default;
  ContextToken& operator=(ContextToken&&) noexcept = default;

 private:
  template <std::copy_constructible T>
  friend class ContextVar;
  ContextToken(const ContextVarBase& variable, Ref<ContextState> context, std::shared_ptr<const void> old) noexcept
      : variable_(&variable), context_(std::move(context)), old_(std::move(old)) {}

  // Throws LoopError if it was used, ValueError if it is of another variable or context. The value to bring back.
  [[nodiscard]] std::shared_ptr<const void> use(const ContextVarBase& variable);
  [[nodiscard]] std::string repr() const;

  const ContextVarBase* variable_;
  Ref<ContextState> context_;
  std::shared_ptr<const void> old_;
  bool used_ = false;
};

// Python's contextvars.ContextVar: a variable with a value of its own in each context, such as the request that a task
// works for. One object for each variable, usually static. Any thread: each has its own current context.
//
//   static const ContextVar<std::string> request("request");
//   request.set("GET /");
//   loop.call_soon([] { log(request.get()); });  // sees it
template <std::copy_constructible T>
class ContextVar final : public ContextVarBase {
 public:
  explicit ContextVar(std::string name) : ContextVarBase(std::move(name)) {}
  ContextVar(std::string name, T default_value) : ContextVarBase(std::move(name)), default_(std::move(default_value)) {}

  // The value in the current context; else the default; else throws LookupError.
  [[nodiscard]] T get() const {
    if (const auto* value = find()) return *static_cast<const T*>(value->get());
    if (!default_) throw_unset();
    return *default_;
  }
  // ... else `otherwise`.
  [[nodiscard]] T get(T otherwise) const {
    if (const auto* value = find()) return *static_cast<const T*>(value->get());
    return otherwise;
  }
  // In the current context.
  ContextToken set(T value) const {
    auto old = bind(std::make_shared<const T>(std::move(value)));
    return {*this, Ref(CurrentContext::get()), std::move(old)};
  }
  // As it was before the set() that gave the token.
  void reset(ContextToken& token) const { bind(token.use(*this)); }

 private:
  const std::optional<T> default_;
};

}  // namespace evloop
