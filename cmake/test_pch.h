// Every test includes these; they cost more than most tests themselves.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "light_pch.h"
