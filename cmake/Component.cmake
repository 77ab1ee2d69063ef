# strongroom_component(name LAYER n SOURCES ... [HEADERS ...] [DEPS ...] [LIBS ...]
#                      [ONE_FILE_DIR dir ROW_TYPE type ROW_HEADER header] [PCH std|asio|aws|service|own] [TEST_DEPS ...])
#
# One library target per component, strongroom_<name> (alias strongroom::<name>). DEPS are other components, which
# must have a lower LAYER; LIBS are packages. Every *_test.cpp beneath the folder joins strongroom_<name>_test.
# ONE_FILE_DIR: each <dir>/<file>.cpp defines strongroom::<name>::op::<file>, an object of ROW_TYPE; a header
# <name>/<dir>/all.h with the declarations and the table of all of them is generated.
# PCH own: the component's precompiled.h, which is worth its ten seconds from some twenty files on. Where there is a
# testing/precompiled.h, the tests have one of their own, too.

foreach(kind IN ITEMS std asio aws service)
  file(WRITE ${CMAKE_BINARY_DIR}/pch/${kind}.cpp "// compiled once; components reuse its precompiled header\n")
  add_library(strongroom_pch_${kind} OBJECT ${CMAKE_BINARY_DIR}/pch/${kind}.cpp)
  target_link_libraries(strongroom_pch_${kind} PRIVATE strongroom_flags)
  target_precompile_headers(strongroom_pch_${kind} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch_${kind}.h)
endforeach()

# Tests share one too, with GoogleTest in it. A precompiled header is only taken when every macro is the same, so the
# paths that tests are told are set for all of them. Tests are compiled quickly rather than made fast: what they test is
# compiled as it is shipped.
add_library(strongroom_test_flags INTERFACE)
# At -O0 whatever the header names is linked, used or not.
target_link_libraries(strongroom_test_flags INTERFACE strongroom_flags GTest::gtest GTest::gmock OpenSSL::SSL Threads::Threads)
target_compile_options(strongroom_test_flags INTERFACE -O0 -U_FORTIFY_SOURCE -Wno-mismatched-new-delete)
target_compile_definitions(strongroom_test_flags INTERFACE
  STRONGROOM_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors" STRONGROOM_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
  STRONGROOM_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
file(WRITE ${CMAKE_BINARY_DIR}/pch/test.cpp "// compiled once; tests reuse its precompiled header\n")
add_library(strongroom_pch_test OBJECT ${CMAKE_BINARY_DIR}/pch/test.cpp)
target_link_libraries(strongroom_pch_test PRIVATE strongroom_test_flags)
target_precompile_headers(strongroom_pch_test PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch_test.h)

function(strongroom_component name)
  cmake_parse_arguments(C "" "LAYER;ONE_FILE_DIR;ROW_TYPE;ROW_HEADER;PCH" "SOURCES;HEADERS;DEPS;LIBS;TEST_DEPS" ${ARGN})
  if(NOT DEFINED C_LAYER)
    message(FATAL_ERROR "component ${name}: LAYER is missing")
  endif()
  if(NOT C_PCH)
    set(C_PCH std)
  endif()
  set(target strongroom_${name})
  set(one_file_sources)
  if(C_ONE_FILE_DIR)
    strongroom_one_file_dir(${name} ${C_ONE_FILE_DIR} ${C_ROW_TYPE} ${C_ROW_HEADER} one_file_sources)
  endif()
  add_library(${target} STATIC ${C_SOURCES} ${one_file_sources})
  add_library(strongroom::${name} ALIAS ${target})
  set_property(TARGET ${target} PROPERTY STRONGROOM_LAYER ${C_LAYER})
  target_link_libraries(${target} PUBLIC strongroom_flags ${C_LIBS})
  # Not for tests: GoogleTest's macros name their parameters as our tables of cases do.
  target_compile_options(${target} PRIVATE -Wshadow)
  if(C_PCH STREQUAL own)
    target_precompile_headers(${target} PRIVATE precompiled.h)
  else()
    target_precompile_headers(${target} REUSE_FROM strongroom_pch_${C_PCH})
  endif()
  foreach(dep IN LISTS C_DEPS)
    string(REPLACE "strongroom::" "" bare ${dep})
    get_property(dep_layer TARGET strongroom_${bare} PROPERTY STRONGROOM_LAYER)
    if(NOT dep_layer LESS C_LAYER)
      message(FATAL_ERROR "component ${name} (layer ${C_LAYER}) may not depend on ${bare} (layer ${dep_layer})")
    endif()
    target_link_libraries(${target} PUBLIC strongroom_${bare})
  endforeach()

  file(GLOB_RECURSE tests CONFIGURE_DEPENDS *_test.cpp)
  if(tests)
    add_executable(${target}_test ${tests})
    set_target_properties(${target}_test PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target}_test PRIVATE -fPIC)
    target_link_libraries(${target}_test PRIVATE ${target} ${C_TEST_DEPS} strongroom_test_flags GTest::gtest_main)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/testing/precompiled.h)
      target_precompile_headers(${target}_test PRIVATE testing/precompiled.h)
    else()
      target_precompile_headers(${target}_test REUSE_FROM strongroom_pch_test)
    endif()
    gtest_discover_tests(${target}_test NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS unit)
  endif()
endfunction()

function(strongroom_one_file_dir name dir row_type row_header out)
  file(GLOB files CONFIGURE_DEPENDS ${dir}/*.cpp)
  list(FILTER files EXCLUDE REGEX "_test\\.cpp$")
  set(declarations "")
  set(rows "")
  set(count 0)
  foreach(file IN LISTS files)
    get_filename_component(stem ${file} NAME_WE)
    string(APPEND declarations "extern const ${row_type} ${stem};\n")
    string(APPEND rows "    &op::${stem},\n")
    math(EXPR count "${count} + 1")
  endforeach()
  set(content "// Generated from the files in src/${name}/${dir}.\n#pragma once\n#include <array>\n\n#include \"${row_header}\"\n\nnamespace strongroom::${name} {\nnamespace op {\n${declarations}}  // namespace op\n\ninline constexpr std::array<const ${row_type}*, ${count}> kAllRows{\n${rows}};\n}  // namespace strongroom::${name}\n")
  set(header ${CMAKE_BINARY_DIR}/generated/${name}/${dir}/all.h)
  set(old "")
  if(EXISTS ${header})
    file(READ ${header} old)
  endif()
  if(NOT old STREQUAL content)
    file(WRITE ${header} "${content}")
  endif()
  set(${out} ${files} PARENT_SCOPE)
endfunction()

# An executable of src/apps: only wiring, so only a main and the components it joins.
function(strongroom_app name)
  cmake_parse_arguments(A "" "PCH" "SOURCES;DEPS;LIBS" ${ARGN})
  if(NOT A_PCH)
    set(A_PCH std)
  endif()
  add_executable(${name} ${A_SOURCES})
  # The precompiled headers are compiled for libraries; -fPIE, which executables get, would make them unusable. The
  # program is position-independent all the same.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_link_libraries(${name} PRIVATE strongroom_flags ${A_DEPS} ${A_LIBS})
  target_precompile_headers(${name} REUSE_FROM strongroom_pch_${A_PCH})
endfunction()
