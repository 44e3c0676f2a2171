// Which build this is.
#pragma once

// "0.1.0 (abc1234)"; "0.1.0 (abc1234, modified)" when files of the checkout differed from that commit;
// "0.1.0" when it was built from a tarball. Lives as long as the program.
const char* build_version();
