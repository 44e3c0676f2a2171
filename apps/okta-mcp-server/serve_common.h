// What serving over stdio and over HTTP have in common.
#pragma once

#include <csignal>
#include <initializer_list>
#include <memory>
#include <string>

#include "configuration.h"
#include "core/job.h"
#include "core/result.h"
#include "mcp/server.h"

// The server without its tools: name, version, instructions; logging is configured and the settings' notices
// logged. `options` brings what differs. Errors: core.log.*, admin.toolset.
core::Result<std::unique_ptr<mcp::Server>> make_server(const Configuration& configuration,
                                                       mcp::ServerOptions options);

// For ServerOptions::jobs, which must outlive the server: what takes long and what became of it. `directory`:
// where it is recorded, for the instances on this machine; empty: in memory, for a server that one client has
// to itself. Errors: core.sqlite, core.job.newer.
core::Result<std::unique_ptr<core::Jobs>> make_jobs(const std::string& directory);

// These signals as a readable descriptor, so that they reach the loop that reads it and nothing else. For the
// main thread, before there are others.
int signal_descriptor(std::initializer_list<int> signals);
