# How the library is installed: headers, archives, the CMake package `evloop`, evloop.pc and evloop-tls.pc. `cmake --install <build>
# --component evloop` installs it without the daemon, `--component evloopd` the daemon without it.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(evloop_components base aio net)  # each needs those before it
if(EVLOOP_TLS)
  list(APPEND evloop_components tls)
endif()
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/evloop)
set(evloop_dependencies)  # code for the package: what each component needs
set(pc_files evloop.pc)

foreach(component IN LISTS evloop_components)
  set_target_properties(evloop_${component} PROPERTIES EXPORT_NAME ${component})
  install(TARGETS evloop_${component} EXPORT evloop-${component}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT evloop
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/evloop COMPONENT evloop)
  install(EXPORT evloop-${component} NAMESPACE evloop:: FILE evloop-${component}-targets.cmake
    DESTINATION ${package_dir} COMPONENT evloop)

  # What else it links, `Package::target`, is found under the package's name: by CMake, and in lower case by pkg-config.
  set(packages)
  set(modules)
  get_target_property(links evloop_${component} LINK_LIBRARIES)
  foreach(link IN LISTS links)
    if(link MATCHES "^([A-Za-z0-9_-]+)::" AND NOT CMAKE_MATCH_1 STREQUAL evloop)
      if(CMAKE_MATCH_1 STREQUAL PkgConfig)
        message(FATAL_ERROR "${link}: an installed evloop_${component} needs a package that CMake finds by itself")
      endif()
      list(APPEND packages ${CMAKE_MATCH_1})
      string(TOLOWER ${CMAKE_MATCH_1} module)
      list(APPEND modules ${module})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES packages)
  list(JOIN packages " " packages)
  string(APPEND evloop_dependencies "set(evloop_${component}_needs ${packages})\n")
  list(REMOVE_DUPLICATES modules)
  list(REMOVE_ITEM modules threads)  # -pthread
  list(JOIN modules " " evloop_${component}_requires)
endforeach()
set(evloop_requires "${evloop_base_requires} ${evloop_aio_requires} ${evloop_net_requires}")
if(EVLOOP_TLS)
  list(APPEND pc_files evloop-tls.pc)
endif()

# What the headers need, and all components link base.
target_compile_features(evloop_base PUBLIC cxx_std_23)

# Whoever links a sanitized library must be sanitized alike. _GLIBCXX_ASSERTIONS, the other thing that a build may
# define, changes no layout.
get_target_property(sanitizers evloop_sanitizers INTERFACE_LINK_OPTIONS)
set(evloop_pc_flags)
if(sanitizers)
  target_compile_options(evloop_base PUBLIC "$<INSTALL_INTERFACE:${sanitizers}>")
  target_link_options(evloop_base PUBLIC "$<INSTALL_INTERFACE:${sanitizers}>")
  list(JOIN sanitizers " " evloop_pc_flags)
endif()

configure_package_config_file(deploy/cmake/evloop-config.cmake.in ${PROJECT_BINARY_DIR}/package/evloop-config.cmake
  INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/evloop-config-version.cmake
  COMPATIBILITY SameMinorVersion)  # before 1.0 a minor version may change anything
install(
  FILES ${PROJECT_BINARY_DIR}/package/evloop-config.cmake ${PROJECT_BINARY_DIR}/package/evloop-config-version.cmake
    deploy/cmake/coroutine_probe.cmake deploy/cmake/coroutine_probe.cc
  DESTINATION ${package_dir} COMPONENT evloop)

# Relative to where the file is: the prefix is chosen when it is installed.
file(RELATIVE_PATH evloop_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" evloop_pc_prefix ${evloop_pc_prefix})
foreach(file IN LISTS pc_files)
  configure_file(deploy/cmake/${file}.in ${PROJECT_BINARY_DIR}/package/${file} @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT evloop)
endforeach()

# The daemon as a library, for programs with kinds of workloads of their own: `--component evloopd-dev`, beside `evloop`.
if(EVLOOPD_CONTROL)
  set(parts host workloads metrics settings control app)
  foreach(part IN LISTS parts)
    set_target_properties(evloopd_${part} PROPERTIES EXPORT_NAME ${part})
    install(TARGETS evloopd_${part} EXPORT evloopd
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT evloopd-dev
      FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/evloopd COMPONENT evloopd-dev)
  endforeach()
  install(TARGETS evloopd_proto evloopd_proto_stubs llhttp EXPORT evloopd
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT evloopd-dev)
  set(daemon_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/evloopd)
  install(EXPORT evloopd NAMESPACE evloopd:: FILE evloopd-targets.cmake
    DESTINATION ${daemon_package_dir} COMPONENT evloopd-dev)
  configure_package_config_file(deploy/cmake/evloopd-config.cmake.in ${PROJECT_BINARY_DIR}/package/evloopd-config.cmake
    INSTALL_DESTINATION ${daemon_package_dir}
    NO_SET_AND_CHECK_MACRO
    NO_CHECK_REQUIRED_COMPONENTS_MACRO)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/evloopd-config-version.cmake
    COMPATIBILITY SameMinorVersion)
  install(
    FILES ${PROJECT_BINARY_DIR}/package/evloopd-config.cmake ${PROJECT_BINARY_DIR}/package/evloopd-config-version.cmake
    DESTINATION ${daemon_package_dir} COMPONENT evloopd-dev)
endif()
