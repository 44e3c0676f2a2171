// The light precompiled header: what nearly every file needs and what is cheap to load.
#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
