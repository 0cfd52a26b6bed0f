# SPDX-License-Identifier: BSD-2-Clause
# The XDP program is in the tree as a C array. Who changes its source builds the target xdp-steer, with clang; the test
# unit.vi.xdp_steer tells when somebody forgot to.
find_program(VIADUCT_CLANG NAMES clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19)
find_package(Python3 QUIET COMPONENTS Interpreter)
mark_as_advanced(VIADUCT_CLANG)
if(NOT VIADUCT_CLANG OR NOT Python3_FOUND OR NOT VIADUCT_HAVE_XDP)
  message(STATUS "Viaduct: the XDP program cannot be compiled here (clang, python3, libbpf): the array in the tree is used")
  return()
endif()
set(steer ${VIADUCT_CLANG} ${PROJECT_SOURCE_DIR}/src/vi/xdp_steer.bpf.c ${PROJECT_SOURCE_DIR}/src/vi/xdp_steer.h
    /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
add_custom_target(xdp-steer COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/xdp_embed.py ${steer} VERBATIM)
if(VIADUCT_TESTS)
  add_test(NAME unit.vi.xdp_steer COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/xdp_embed.py --check ${steer})
  set_tests_properties(unit.vi.xdp_steer PROPERTIES LABELS unit TIMEOUT 60 SKIP_RETURN_CODE 77)
endif()
