# SPDX-License-Identifier: BSD-2-Clause
# `cmake --build build --target doc`: the manual as HTML in build/doc/html. A warning of Doxygen is an error.
find_program(VIADUCT_DOXYGEN doxygen)
find_program(VIADUCT_DOT dot)
mark_as_advanced(VIADUCT_DOXYGEN VIADUCT_DOT)
if(NOT VIADUCT_DOXYGEN)
  message(STATUS "Viaduct: manual: left out, doxygen not found")
  return()
endif()
set(VIADUCT_DOC_DIR ${CMAKE_CURRENT_BINARY_DIR}/doc)
set(VIADUCT_HAVE_DOT NO)
if(VIADUCT_DOT)
  set(VIADUCT_HAVE_DOT YES)
endif()
set(VIADUCT_DOC_BINDINGS "")
if(TARGET viaduct_ev)
  set(VIADUCT_DOC_BINDINGS ${CMAKE_CURRENT_SOURCE_DIR}/bindings/libev)
endif()
configure_file(doc/Doxyfile.in ${VIADUCT_DOC_DIR}/Doxyfile @ONLY)
file(MAKE_DIRECTORY ${VIADUCT_DOC_DIR}/generated)

# The page of attributes is written by a tool, from attr.def by way of the library.
set(attributes ${VIADUCT_DOC_DIR}/generated/80_attributes.md)
if(TARGET via-attr-doc)
  add_custom_command(OUTPUT ${attributes} COMMAND via-attr-doc > ${attributes} DEPENDS via-attr-doc VERBATIM)
else()
  file(WRITE ${attributes} "# Attributes {#attributes}\n\nBuilt without the tools: see include/viaduct/attr.def.\n")
endif()
set(drops ${VIADUCT_DOC_DIR}/generated/85_drops.md)
add_custom_command(OUTPUT ${drops}
  COMMAND ${CMAKE_COMMAND} -D IN=${CMAKE_CURRENT_SOURCE_DIR}/include/viaduct/drop.def -D OUT=${drops}
          -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/drop_doc.cmake
  DEPENDS include/viaduct/drop.def cmake/drop_doc.cmake VERBATIM)
add_custom_target(doc COMMAND ${VIADUCT_DOXYGEN} ${VIADUCT_DOC_DIR}/Doxyfile DEPENDS ${attributes} ${drops} VERBATIM
                  COMMENT "Manual: ${VIADUCT_DOC_DIR}/html/index.html")
if(VIADUCT_TESTS)
  add_test(NAME doc.doxygen COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target doc)
endif()
