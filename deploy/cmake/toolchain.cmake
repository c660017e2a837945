# What the compiler must be able to do, and the tools that make building fast.

# Refuses, by name, a compiler that breaks coroutines.
include(deploy/cmake/coroutine_probe.cmake)
evloop_probe_coroutines(wrong)
if(wrong)
  message(FATAL_ERROR "${wrong}\nThe presets do, as in `cmake --preset dev`.")
endif()

find_program(EVLOOPD_CCACHE ccache)
mark_as_advanced(EVLOOPD_CCACHE)
if(EVLOOPD_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths count relative to the tree, so that another clone of it finds what this one has compiled.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true ${EVLOOPD_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# A third of the time the default linker takes for the daemon, which pulls in some fifty shared libraries.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=lld EVLOOPD_HAVE_LLD)
if(EVLOOPD_HAVE_LLD)
  add_link_options(-fuse-ld=lld)
endif()
