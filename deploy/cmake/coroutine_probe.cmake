# evloop_probe_coroutines(<variable>): why this compiler cannot build with evloop, or empty if it can. Compiles and runs
# coroutine_probe.cc, whose exit status says which construct came out wrong; once for each compiler. Part of the
# installation too: whoever uses the library compiles coroutines.
function(evloop_probe_coroutines result)
  set(${result} "" PARENT_SCOPE)
  set(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER})")
  if(EVLOOP_PROBED_COMPILER STREQUAL compiler OR CMAKE_CROSSCOMPILING)
    return()
  endif()
  message(STATUS "Probing the coroutines of ${compiler}")
  try_run(status compiled
    SOURCES ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/coroutine_probe.cc
    CXX_STANDARD 23 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    COMPILE_OUTPUT_VARIABLE output)
  set(wrong_1 "a capturing lambda created in a co_await expression is destroyed twice")
  set(wrong_2 "an aggregate created in a co_await expression is destroyed twice")
  set(wrong_3 "a co_return inside `switch (co_await x)` is lost")
  set(wrong_4 "a conditional of two co_awaits of class type is destroyed twice")
  set(wrong_5 "a sum over ready co_awaits is wrong")
  set(wrong_6 "std::move_only_function or std::expected gives a wrong result")
  if(NOT compiled)
    set(wrong "it cannot compile C++23 coroutines with std::expected and std::move_only_function\n${output}")
  elseif(status STREQUAL "0")
    set(EVLOOP_PROBED_COMPILER "${compiler}" CACHE INTERNAL "The compiler that passed the coroutine probe")
    return()
  elseif(DEFINED wrong_${status})
    set(wrong "${wrong_${status}}")
  else()
    set(wrong "the probe crashed, most likely because co_awaits in a row overflow the stack (${status})")
  endif()
  set(${result}
    "${compiler} cannot build with evloop: ${wrong}\nUse clang 19 with libstdc++ (Debian 12: package clang-19)."
    PARENT_SCOPE)
endfunction()
