# SPDX-License-Identifier: BSD-2-Clause
# libev ships neither a pkg-config nor a CMake file: target LibEv::LibEv.
find_path(LIBEV_INCLUDE_DIR ev.h)
find_library(LIBEV_LIBRARY ev)
mark_as_advanced(LIBEV_INCLUDE_DIR LIBEV_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibEv REQUIRED_VARS LIBEV_LIBRARY LIBEV_INCLUDE_DIR)
if(LibEv_FOUND AND NOT TARGET LibEv::LibEv)
  add_library(LibEv::LibEv UNKNOWN IMPORTED GLOBAL)
  set_target_properties(LibEv::LibEv PROPERTIES IMPORTED_LOCATION "${LIBEV_LIBRARY}"
                        INTERFACE_INCLUDE_DIRECTORIES "${LIBEV_INCLUDE_DIR}")
endif()
