# Installs library, headers, the CMake package allpole::allpole and allpole.pc.
include(CMakePackageConfigHelpers)

install(TARGETS allpole EXPORT allpole)
install(DIRECTORY include/allpole TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE TYPE DOC)

# A shared library brings its libraries along; whoever links the static one must find them.
set(static_libs "")
set(static_requires "")
set(static_find "")
if(NOT BUILD_SHARED_LIBS)
  set(static_libs "-lm ${OpenMP_C_FLAGS} ${APF_STATIC_LIBS}")
  if(APF_OPENMP)
    string(APPEND static_find "find_dependency(OpenMP COMPONENTS C)\n")
  endif()
  string(APPEND static_find "find_dependency(PkgConfig)\n")
  foreach(name ${APF_PKG_NAMES})
    set(module ${APF_PKG_${name}})
    string(APPEND static_find "pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})\n")
    string(REPLACE ">=" " >= " module "${module}")
    list(APPEND static_requires "${module}")
  endforeach()
  list(JOIN static_requires ", " static_requires)
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/allpole)
install(EXPORT allpole NAMESPACE allpole:: FILE allpole-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/allpole-config.cmake.in allpole-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(allpole-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/allpole-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/allpole-config-version.cmake
        DESTINATION ${package_dir})

# allpole.pc finds everything from its own place, so that the tree may be moved.
file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
configure_file(cmake/allpole.pc.in allpole.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/allpole.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
