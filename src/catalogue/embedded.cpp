#include "catalogue/embedded.h"

// The assembler copies the files (CATALOGUE_DIR comes from CMake, which also rebuilds this file when they
// change). A C++ array initialiser of the same bytes would cost the compiler seconds and the program
// relocations.
asm(".pushsection .rodata\n"
    ".globl kCatalogueOperationsBegin\n"
    "kCatalogueOperationsBegin:\n"
    ".incbin \"" CATALOGUE_DIR
    "/operations.tsv\"\n"
    ".globl kCatalogueOperationsEnd\n"
    "kCatalogueOperationsEnd:\n"
    ".globl kCatalogueErrorCodesBegin\n"
    "kCatalogueErrorCodesBegin:\n"
    ".incbin \"" CATALOGUE_DIR
    "/error_codes.tsv\"\n"
    ".globl kCatalogueErrorCodesEnd\n"
    "kCatalogueErrorCodesEnd:\n"
    ".popsection\n");

extern "C" {
extern const char kCatalogueOperationsBegin[];
extern const char kCatalogueOperationsEnd[];
extern const char kCatalogueErrorCodesBegin[];
extern const char kCatalogueErrorCodesEnd[];
}

namespace catalogue {

std::string_view operations_data() {
  return {kCatalogueOperationsBegin, kCatalogueOperationsEnd};
}

std::string_view error_codes_data() {
  return {kCatalogueErrorCodesBegin, kCatalogueErrorCodesEnd};
}

}  // namespace catalogue
