# cmake -D SOURCE=tree -D COMMIT=given -D OUT=file -P commit.cmake: writes the commit as a C++ string literal, empty when it
# is not known. Seven digits whatever git would pick, so that two clones agree; ", modified" when files differ from it.
set(text "")
if(COMMIT)
  string(SUBSTRING "${COMMIT}" 0 7 text)
elseif(EXISTS ${SOURCE}/.git)
  # Only a .git of this very tree: a tarball unpacked inside another checkout must not name that one's commit.
  find_program(GIT git)
  if(GIT)
    execute_process(COMMAND ${GIT} rev-parse HEAD WORKING_DIRECTORY ${SOURCE}
      OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed AND head MATCHES "^[0-9a-f]+$")
      string(SUBSTRING "${head}" 0 7 text)
      execute_process(COMMAND ${GIT} --no-optional-locks status --porcelain --untracked-files=no
        WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE changes ERROR_QUIET)
      if(changes)
        string(APPEND text ", modified")
      endif()
    endif()
  endif()
endif()

set(line "\"${text}\"\n")
set(old "")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT line STREQUAL old)
  file(WRITE ${OUT} ${line})
endif()
