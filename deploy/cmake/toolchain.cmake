# What the compiler must be able to do, and the tools that make building fast.

# Refuses, by name, a compiler that breaks coroutines; the probe's exit status says which construct it got wrong.
function(evloop_probe_coroutines)
  set(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER})")
  if(EVLOOPD_PROBED_COMPILER STREQUAL compiler)
    return()
  endif()
  message(STATUS "Probing the coroutines of ${compiler}")
  try_run(status compiled
    SOURCES ${PROJECT_SOURCE_DIR}/deploy/cmake/coroutine_probe.cc
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
    set(EVLOOPD_PROBED_COMPILER "${compiler}" CACHE INTERNAL "The compiler that passed the coroutine probe")
    return()
  elseif(DEFINED wrong_${status})
    set(wrong "${wrong_${status}}")
  else()
    set(wrong "the probe crashed, most likely because co_awaits in a row overflow the stack (${status})")
  endif()
  message(FATAL_ERROR
    "${compiler} cannot build evloopd: ${wrong}\n"
    "Use clang 19 with libstdc++ (Debian 12: package clang-19); the presets do, as in `cmake --preset dev`.")
endfunction()

evloop_probe_coroutines()

find_program(EVLOOPD_CCACHE ccache)
mark_as_advanced(EVLOOPD_CCACHE)
if(EVLOOPD_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${EVLOOPD_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${EVLOOPD_CCACHE})
endif()

# A third of the time the default linker takes for the daemon, which pulls in some fifty shared libraries.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=lld EVLOOPD_HAVE_LLD)
if(EVLOOPD_HAVE_LLD)
  add_link_options(-fuse-ld=lld)
endif()
