# ctest -L package: what is installed says what the programs say, and the packages install, run and go away again.
# Each script exits with 77, and says why, where it cannot run.
function(package_test name)
  add_test(NAME package.${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(package.${name} PROPERTIES LABELS package SKIP_RETURN_CODE 77 TIMEOUT 600)
endfunction()

package_test(docs ${CMAKE_CURRENT_SOURCE_DIR}/test-docs ${CMAKE_BINARY_DIR})
package_test(deb ${CMAKE_CURRENT_SOURCE_DIR}/test-deb ${CMAKE_BINARY_DIR})
package_test(mcpb ${CMAKE_CURRENT_SOURCE_DIR}/test-mcpb ${CMAKE_BINARY_DIR})
# They make their packages in the build folder, one at a time.
set_tests_properties(package.deb package.mcpb PROPERTIES RESOURCE_LOCK packages)
