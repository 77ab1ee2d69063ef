# Writes OUT: a header with the name and text of each of FILES.
set(rows "")
set(count 0)
foreach(file IN LISTS FILES)
  get_filename_component(stem ${file} NAME_WE)
  file(READ ${file} text)
  if(text MATCHES "\\)sql\"")
    message(FATAL_ERROR "${file} contains the raw string's end")
  endif()
  string(APPEND rows "    SchemaFile{\"${stem}\", R\"sql(${text})sql\"},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT}.new "// Generated from src/store/schema.
#pragma once
#include <array>

#include \"store/migrations.h\"

namespace strongroom::store {
inline constexpr std::array<SchemaFile, ${count}> kSchemaFiles{
${rows}};
}  // namespace strongroom::store
")
file(RENAME ${OUT}.new ${OUT})
