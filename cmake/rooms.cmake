# Every room's test program; what the sanitizer runs build.
if(OKTA_MCP_TESTS)
  add_custom_target(unit_tests)
endif()

# room(NAME USES room... LIBS lib... [ONE_PROCESS LABEL]): src/NAME/*.cpp as library NAME, src/NAME/*_test.cpp as program
# NAME_test. A room links only the rooms it names; tests/architecture checks the #includes too. Each test is a process of
# its own, but for those whose name ends in /LABEL: they share what is costly to start (a database server), and are one.
function(room name)
  cmake_parse_arguments(ROOM "" "ONE_PROCESS" "USES;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER all EXCLUDE REGEX "_test\\.cpp$")

  add_library(${name} STATIC ${all})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ROOM_USES} Boost::json formatting Threads::Threads PRIVATE ${ROOM_LIBS})
  target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/light_pch.h)

  if(OKTA_MCP_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${ROOM_LIBS} ${ROOM_TEST_LIBS} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE
      PROJECT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
    target_precompile_headers(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/cmake/test_pch.h)
    add_dependencies(unit_tests ${name}_test)
    if(ROOM_ONE_PROCESS)
      set(others TEST_FILTER "-*/${ROOM_ONE_PROCESS}")
      add_test(NAME ${name}.${ROOM_ONE_PROCESS} COMMAND ${name}_test --gtest_filter=*/${ROOM_ONE_PROCESS})
      set_tests_properties(${name}.${ROOM_ONE_PROCESS} PROPERTIES LABELS unit TIMEOUT 900 COST 90
        SKIP_REGULAR_EXPRESSION "PostgreSQL is not installed here")
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." ${others} DISCOVERY_MODE PRE_TEST
      DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 120)
  endif()
endfunction()

# program(NAME USES room... LIBS lib...): main.cpp as program NAME over everything else in the folder as a library,
# which *_test.cpp (program NAME_test) tests too.
function(program name)
  cmake_parse_arguments(PROGRAM "" "" "USES;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")

  add_executable(${name} main.cpp)
  if(sources)
    add_library(${name}_parts STATIC ${sources})
    target_include_directories(${name}_parts PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_definitions(${name}_parts PUBLIC OKTA_MCP_VERSION="${PROJECT_VERSION}")
    target_link_libraries(${name}_parts PUBLIC ${PROGRAM_USES} PRIVATE ${PROGRAM_LIBS})
    target_precompile_headers(${name}_parts PRIVATE ${CMAKE_SOURCE_DIR}/cmake/light_pch.h)
    target_link_libraries(${name} PRIVATE ${name}_parts)
  endif()
  target_compile_definitions(${name} PRIVATE OKTA_MCP_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE build_version ${PROGRAM_USES} ${PROGRAM_LIBS})

  if(OKTA_MCP_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name}_parts ${PROGRAM_LIBS} ${PROGRAM_TEST_LIBS} GTest::gmock
      GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE
      PROJECT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
    add_dependencies(unit_tests ${name}_test)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
      DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 120)
  endif()
endfunction()
