#include "catalogue/embedded.h"

// The assembler copies the files (CATALOGUE_DIR comes from CMake, which also rebuilds this file when they
// change). A C++ array initialiser of the same bytes would cost the compiler seconds and the program
// relocations.
asm(".pushsection .rodata\n"
    ".globl catalogue_operations_begin\n"
    "catalogue_operations_begin:\n"
    ".incbin \"" CATALOGUE_DIR
    "/operations.tsv\"\n"
    ".globl catalogue_operations_end\n"
    "catalogue_operations_end:\n"
    ".globl catalogue_error_codes_begin\n"
    "catalogue_error_codes_begin:\n"
    ".incbin \"" CATALOGUE_DIR
    "/error_codes.tsv\"\n"
    ".globl catalogue_error_codes_end\n"
    "catalogue_error_codes_end:\n"
    ".popsection\n");

extern "C" {
extern const char catalogue_operations_begin[];
extern const char catalogue_operations_end[];
extern const char catalogue_error_codes_begin[];
extern const char catalogue_error_codes_end[];
}

namespace catalogue {

std::string_view operations_data() {
  return {catalogue_operations_begin, catalogue_operations_end};
}

std::string_view error_codes_data() {
  return {catalogue_error_codes_begin, catalogue_error_codes_end};
}

}  // namespace catalogue
