# The functions that the folders use.
#
#   evloop_library(<target> SOURCES ... [DEPS ...] [PRIVATE_DEPS ...])   a folder's static library
#   evloop_executable(<target> SOURCES ... [DEPS ...])                   a program, in <build>/bin
#   evloop_test(<target> SOURCES ... [DEPS ...] [LABELS ...] [TIMEOUT s] [SERIAL])         GoogleTest
#   evloop_script_test(<name> COMMAND ... [LABELS ...] [TIMEOUT s] [SERIAL])               any program: 0 is passed
#
# The library evloop_aio is also known as evloop::aio, evloopd_host as evloopd::host; link by those names, so that a
# misspelt one is an error. Headers are found relative to daemon/, in tests also relative to tests/.

add_library(evloop_warnings INTERFACE)
target_compile_options(evloop_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Wthread-safety -Werror)

add_library(evloop_sanitizers INTERFACE)
if(EVLOOPD_SANITIZE)
  set(flags -fsanitize=${EVLOOPD_SANITIZE} -fno-sanitize-recover=all)
  if(EVLOOPD_SANITIZE MATCHES undefined)
    # To look at a pointer it opens a pipe, and takes an object for none in the tests that use up all descriptors.
    list(APPEND flags -fno-sanitize=vptr)
  endif()
  target_compile_options(evloop_sanitizers INTERFACE ${flags} -fno-omit-frame-pointer)
  target_link_options(evloop_sanitizers INTERFACE ${flags})
endif()

# What every target of ours is compiled with.
add_library(evloop_build INTERFACE)
target_link_libraries(evloop_build INTERFACE evloop_warnings evloop_sanitizers)
target_compile_definitions(evloop_build INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
# Sites (std::source_location) read daemon/aio/sleep.cc wherever the tree was built. The second option is for a ccache
# with a base_dir, which makes paths relative to the build folder; ccache keys on it, but not on the first.
file(RELATIVE_PATH to_source ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR}/)
target_compile_options(evloop_build INTERFACE
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -fmacro-prefix-map=${to_source}=)

add_library(evloop_version INTERFACE)
target_compile_definitions(evloop_version INTERFACE EVLOOPD_VERSION="${PROJECT_VERSION}")
add_library(evloopd::version ALIAS evloop_version)

function(evloop_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;PRIVATE_DEPS")
  if(NOT target MATCHES "^(evloopd?)_([a-z_]+)$")
    message(FATAL_ERROR "evloop_library(${target}): name it evloop_<folder> or evloopd_<folder>")
  endif()
  set(alias ${CMAKE_MATCH_1}::${CMAKE_MATCH_2})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS *.h)
  file(GLOB nested */CMakeLists.txt)  # libraries of their own
  foreach(file IN LISTS nested)
    cmake_path(GET file PARENT_PATH folder)
    list(FILTER headers EXCLUDE REGEX "^${folder}/")
  endforeach()
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(${alias} ALIAS ${target})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/daemon FILES ${headers})
  target_link_libraries(${target}
    PUBLIC ${arg_DEPS}
    PRIVATE ${arg_PRIVATE_DEPS} $<BUILD_INTERFACE:evloop_build>)
endfunction()

function(evloop_executable target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/daemon)
  target_link_libraries(${target} PRIVATE ${arg_DEPS} evloop_build)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# Splits what both kinds of test take: `wanted` says whether this build has the test (EVLOOPD_TEST_LABEL), `properties`
# are its ctest properties. Each test also gets its folder's name as a label: `ctest -L aio` runs what tests/aio holds.
macro(evloop_parse_test)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "SOURCES;DEPS;COMMAND;LABELS")
  set(wanted ON)
  if(EVLOOPD_TEST_LABEL AND NOT EVLOOPD_TEST_LABEL IN_LIST arg_LABELS)
    set(wanted OFF)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT ${EVLOOPD_TEST_TIMEOUT})
  endif()
  set(properties TIMEOUT ${arg_TIMEOUT})
  if(arg_SERIAL)
    list(APPEND properties RUN_SERIAL ON)
  endif()
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  set(labels ${folder} ${arg_LABELS})
endmacro()

function(evloop_test target)
  evloop_parse_test()
  if(NOT wanted)
    return()
  endif()
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/daemon ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main evloop_build)
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
  # gtest_discover_tests() splits a list of labels on its way; so ctest sets them when it has read the tests.
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${target}_labels.cmake)
  file(WRITE ${file}
    "foreach(test IN LISTS ${target}_TESTS)\n"
    "  set_tests_properties(\"\${test}\" PROPERTIES LABELS \"${labels}\")\n"
    "endforeach()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${file})
endfunction()

function(evloop_script_test name)
  evloop_parse_test()
  if(NOT wanted)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES ${properties} LABELS "${labels}")
endfunction()
