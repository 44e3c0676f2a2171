// One function per command of okta-agent-registry; each returns the exit status.
// 0 done · 1 it failed · 2 the command or a setting is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "settings.h"

int cmd_serve(const StoreFlags& store, const ServeFlags& flags);
int cmd_migrate(const StoreFlags& store);
int cmd_backup(const StoreFlags& store, const std::string& file);

// `server`: "org", or the id of a custom authorization server.
int cmd_keys_list(const StoreFlags& store, const std::string& server, bool as_json);
int cmd_keys_rotate(const StoreFlags& store, const std::string& server, bool as_json);

int cmd_admin_token(const StoreFlags& store, const std::string& scopes, const std::string& ttl, bool as_json);
int cmd_doctor(const StoreFlags& store, bool as_json);

// For agent developers: needs no store, only the registry's URL.
struct TokenFlags {
  std::string issuer;
  std::string agent;               // client id: wlp..., or the URL of its metadata document
  std::string server;              // the MCP server's URL
  std::string audience;            // of the ID-JAG; default: as the server's metadata says
  std::string scope;               // space-separated
  std::string key_file;            // its private key
  std::string key_id;              // default: the one in the key, else its thumbprint
  std::string subject_token_file;  // "-": stdin; empty: a person signs in with a browser
  std::string save_subject_token;  // a file for the ID token of the sign-in; empty: it is forgotten
  std::uint16_t port = 16582;      // where the browser comes back to
  bool as_json = false;
  bool explain = false;
};
int cmd_token(const TokenFlags& flags);

// "okta-agent-registry: MESSAGE HINT" on stderr, one line; returns 2 for wrong input, else 1.
int complain(const core::Error& error);
