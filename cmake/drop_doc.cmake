# SPDX-License-Identifier: BSD-2-Clause
# The manual's page of drop reasons, made from drop.def: cmake -D IN=drop.def -D OUT=page.md -P drop_doc.cmake
file(STRINGS "${IN}" lines)
set(page "# Drop reasons {#drops}\n\nEvery packet that is dropped is counted under one of these names. The same name is the
constant `VIA_DROP_<NAME>`, the counter of object `drop` in via_stats_walk(), and the text of via_drop_text(). A stack
that loses packets says so here; start with the largest number.\n")
foreach(line IN LISTS lines)
  if(line MATCHES "^/\\* ([A-Za-z0-9 ]+) \\*/$")
    string(APPEND page "\n## ${CMAKE_MATCH_1}\n\n| name | meaning |\n|---|---|\n")
  elseif(line MATCHES "^VIA_DROP\\(([A-Z0-9_]+), \"(.*)\"\\)")
    string(APPEND page "| `${CMAKE_MATCH_1}` | ${CMAKE_MATCH_2} |\n")
  endif()
endforeach()
file(WRITE "${OUT}" "${page}")
