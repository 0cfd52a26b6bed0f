# SPDX-License-Identifier: BSD-2-Clause
# What `cmake --install` puts where: archive, headers, CMake package, pkg-config files.
include(CMakePackageConfigHelpers)

set(VIADUCT_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Viaduct)
install(TARGETS viaduct EXPORT ViaductTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/viaduct DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.def")

file(RELATIVE_PATH VIADUCT_PC_INCLUDE ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/viaduct.pc.in viaduct.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/viaduct.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(TARGET viaduct_ev)
  install(TARGETS viaduct_ev EXPORT ViaductTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  file(GLOB headers bindings/libev/*.h)
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  configure_file(cmake/viaduct_ev.pc.in viaduct_ev.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/viaduct_ev.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  install(FILES cmake/FindLibEv.cmake DESTINATION ${VIADUCT_CMAKE_DIR})
endif()
install(TARGETS viaduct_check EXPORT ViaductTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES bindings/check/include/viaduct/vi_check.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/viaduct)
install(EXPORT ViaductTargets NAMESPACE Viaduct:: DESTINATION ${VIADUCT_CMAKE_DIR})

configure_package_config_file(cmake/ViaductConfig.cmake.in ViaductConfig.cmake INSTALL_DESTINATION ${VIADUCT_CMAKE_DIR})
write_basic_package_version_file(ViaductConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ViaductConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/ViaductConfigVersion.cmake
        DESTINATION ${VIADUCT_CMAKE_DIR})
