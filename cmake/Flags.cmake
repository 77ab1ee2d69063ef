# One interface target carries every flag, so that no component can have its own idea of a warning.
option(STRONGROOM_DEV "Relaxations for a developer's machine: unlocked memory, a movable clock" OFF)
set(STRONGROOM_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (address,undefined or thread)")
option(STRONGROOM_BATCHES "Compile a dozen files at once: a build of everything is quicker, of one file slower" OFF)
option(STRONGROOM_HARDENED "Harden beyond the defaults (CET, stack clash, zeroed locals)" OFF)

add_library(strongroom_flags INTERFACE)
target_compile_options(strongroom_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
  -Wformat=2 -Wundef -Wno-missing-field-initializers -fno-omit-frame-pointer
  -fstack-protector-strong
  # Code is position independent for libstrongroom-archive. Nobody replaces single functions of ours at run time, and a
  # compiler that must allow for it inlines none of those that other files can call: a tenth of a Decrypt's CPU time.
  -fno-semantic-interposition)
target_compile_definitions(strongroom_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_ARRAY BOOST_ASIO_DISABLE_BOOST_REGEX
  # Coroutine frames by operator new, which tcmalloc answers sooner than aligned_alloc; nothing of ours is over-aligned.
  BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_BOOST_ALIGN
  # Compiled once (base/asio.cpp, aws/http/beast.cpp) and not in every file that waits for something.
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  STRONGROOM_VERSION="${PROJECT_VERSION}"
  $<$<BOOL:${STRONGROOM_DEV}>:STRONGROOM_DEV=1>)
# A precompiled header is only taken when the macros are the same everywhere, so the macros that packages bring are
# set for all (the libraries themselves are linked where a component names them).
target_compile_definitions(strongroom_flags INTERFACE
  FMT_SHARED SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL SPDLOG_SHARED_LIB
  BOOST_ALL_NO_LIB BOOST_JSON_NO_LIB BOOST_CONTAINER_NO_LIB BOOST_JSON_DYN_LINK BOOST_CONTAINER_DYN_LINK BOOST_SYSTEM_DYN_LINK BOOST_URL_DYN_LINK)
target_link_options(strongroom_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(NOT STRONGROOM_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(strongroom_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(STRONGROOM_SANITIZE)
  # GCC 12 reports false -Wmaybe-uninitialized and friends once a sanitizer rewrites the code, and takes Asio's own frame
  # allocator, inlined, for a mismatched pair.
  target_compile_options(strongroom_flags INTERFACE
    -fsanitize=${STRONGROOM_SANITIZE} -fno-sanitize-recover=all -Wno-maybe-uninitialized -Wno-stringop-overflow
    -Wno-mismatched-new-delete)
  target_link_options(strongroom_flags INTERFACE -fsanitize=${STRONGROOM_SANITIZE})
  target_compile_definitions(strongroom_flags INTERFACE STRONGROOM_SANITIZED=1)
  if(STRONGROOM_SANITIZE MATCHES thread)
    # TSan knows no fences. Asio's stand beside the mutex of its queue, which orders handlers by itself.
    target_compile_definitions(strongroom_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
if(STRONGROOM_HARDENED)
  target_compile_options(strongroom_flags INTERFACE
    -fcf-protection=full -fstack-clash-protection -ftrivial-auto-var-init=zero)
endif()
if(STRONGROOM_BATCHES AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC tidies its memory from 128 MiB on, less than a precompiled header brings: a tenth of its time, for 70 MiB.
  target_compile_options(strongroom_flags INTERFACE "SHELL:--param ggc-min-heapsize=700000")
endif()
target_include_directories(strongroom_flags INTERFACE
  ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_SOURCE_DIR}/cmake/compile-cached)
endif()
