// Secrets that came in the environment do not stay in it.
#pragma once

#include "settings.h"

// Once the settings are read, and before there is a second thread: overwrites OKTA_PRIVATE_KEY,
// OKTA_API_TOKEN and OKTA_MCP_STATE_STORE where the kernel put them, so that /proc/PID/environ of this
// process does not show them, takes them out of the environment, so that no child inherits them, and wipes
// them in `copy`.
void hide_secrets(Environment& copy);
