# FILES (a list, relative to ROOT) as raw string literals. GCC takes literals of any length; a delimiter that no file uses ends each.
string(REPLACE " " ";" files "${FILES}")
set(text "#include \"backend/embedded.h\"\n\nnamespace netc {\n\nconst std::vector<EmbeddedFile>& embedded_runtime() {\n  static const std::vector<EmbeddedFile> files = {\n")
list(SORT files)
file(WRITE ${OUTPUT}.new "${text}")
foreach(name IN LISTS files)
  file(READ ${ROOT}/${name} content HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" content "${content}")
  # Sixty bytes a line keeps the file readable for tools with line limits.
  string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f])(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?)" "\"\\1\"\n" content "${content}")
  file(APPEND ${OUTPUT}.new "    {\"${name}\",\n${content}    },\n")
endforeach()
file(APPEND ${OUTPUT}.new "  };\n  return files;\n}\n\n}  // namespace netc\n")
file(RENAME ${OUTPUT}.new ${OUTPUT})
