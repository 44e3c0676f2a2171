// Secrets that came in the environment do not stay in it.
#pragma once

#include "settings.h"

// The variable's value, tidied, out of `copy`; empty when it is not set.
core::Secret take_secret(Environment& copy, const char* name);

// Once the settings are read, and before there is a second thread: overwrites the variables that hold
// secrets (OKTA_PRIVATE_KEY, OKTA_API_TOKEN, OKTA_MCP_STATE_STORE, OKTA_MCP_HTTP_TOKEN,
// OKTA_MCP_INTROSPECTION_SECRET) where the kernel put them, so that /proc/PID/environ of this process does
// not show them, takes them out of the environment, so that no child inherits them, and wipes them in `copy`.
void hide_secrets(Environment& copy);
