// Two versions of a file as a unified diff for a person: three lines of context, line ends and control
// characters not shown, values of secret names masked (lines around a change belong to others).
#pragma once

#include <string>
#include <string_view>

// Empty when both are equal. Lines longer than 160 characters are cut.
std::string text_diff(std::string_view before, std::string_view after, std::string_view name);
