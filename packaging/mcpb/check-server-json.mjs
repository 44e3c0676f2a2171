// Checks a server.json for the MCP registry: by the rules of the registry's schema of 2025-12-11 and of publishing there,
// written down here (no npm package carries the schema), and by the schema itself where a copy of it is given.
//
//   node check-server-json.mjs SERVER_JSON [SCHEMA]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [file, schemaFile] = process.argv.slice(2);

export function problems(server) {
  const found = [];
  const check = (ok, what) => ok || found.push(what);
  const text = (value, least, most) => typeof value === "string" && value.length >= least && value.length <= most;
  const only = (object, keys, where) => {
    for (const key of Object.keys(object)) check(keys.includes(key), `${where} has an unknown member ${key}`);
  };

  check(server.$schema === "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json", "$schema");
  only(server, ["$schema", "name", "title", "description", "version", "repository", "packages"], "server");
  check(text(server.name, 3, 200) && /^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/.test(server.name), "name");
  check(text(server.title, 1, 100), "title: 1 to 100 characters");
  check(text(server.description, 1, 100), "description: 1 to 100 characters");
  check(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(server.version ?? ""), "version: one exact version");
  check(server.repository?.source === "github" && /^https:\/\/github\.com\//.test(server.repository?.url ?? ""), "repository");
  check(Array.isArray(server.packages) && server.packages.length > 0, "packages");
  for (const [index, one] of (server.packages ?? []).entries()) {
    const where = `packages[${index}]`;
    only(one, ["registryType", "identifier", "version", "fileSha256", "transport", "environmentVariables"], where);
    check(one.transport?.type === "stdio", `${where}.transport`);
    if (one.registryType === "mcpb") {
      // The registry takes bundles from releases of these two only, and looks for "mcp" in the address.
      check(/^https:\/\/(github|gitlab)\.com\/.*\/releases\/.*mcp/.test(one.identifier), `${where}.identifier`);
      check(/^[a-f0-9]{64}$/.test(one.fileSha256 ?? ""), `${where}.fileSha256`);
      check(one.version === server.version, `${where}.version differs from the server's`);
    } else {
      check(one.registryType === "oci", `${where}.registryType`);
      check(/^(ghcr\.io|docker\.io)\/[a-z0-9._/-]+:[A-Za-z0-9._-]+$/.test(one.identifier), `${where}.identifier`);
      check(one.version === undefined, `${where}: an image has its version in the identifier`);
    }
    const names = new Set();
    for (const variable of one.environmentVariables ?? []) {
      only(variable, ["name", "description", "isRequired", "isSecret", "format", "default"], `${where} ${variable.name}`);
      check(/^OKTA_[A-Z_]+$/.test(variable.name) && !names.has(variable.name), `${where} ${variable.name}`);
      names.add(variable.name);
      check(text(variable.description, 1, 1000), `${where} ${variable.name}: description`);
      check(["string", "boolean", "number", "filepath"].includes(variable.format), `${where} ${variable.name}: format`);
      check(typeof variable.isSecret === "boolean" && typeof variable.isRequired === "boolean", `${where} ${variable.name}`);
      check(variable.isSecret === /KEY$|TOKEN$/.test(variable.name), `${where} ${variable.name}: secret or not?`);
    }
    check(names.has("OKTA_ORG_URL"), `${where}: OKTA_ORG_URL`);
  }
  return found;
}

const server = JSON.parse(readFileSync(file, "utf8"));
const found = problems(server);
// Each of these must be refused, or the check checks nothing.
const spoil = (change) => {
  const copy = structuredClone(server);
  change(copy);
  return copy;
};
const spoilt = {
  "a description of 101 characters": spoil((one) => (one.description = "x".repeat(101))),
  "a name without a slash": spoil((one) => (one.name = "okta")),
  "a range for a version": spoil((one) => (one.version = "^1.0.0")),
  "a hash of another length": spoil((one) => (one.packages[0].fileSha256 = "00")),
  "no transport": spoil((one) => delete one.packages[0].transport),
};
for (const [what, copy] of Object.entries(spoilt))
  if (problems(copy).length === 0) found.push(`the check itself lets ${what} pass`);

if (schemaFile) {
  const require = createRequire(new URL("../../tests/judges/package.json", import.meta.url));
  const Ajv = require("ajv").default;
  const schema = JSON.parse(readFileSync(schemaFile, "utf8"));
  delete schema.$schema;
  const ajv = new Ajv({ strict: false, allErrors: true });
  require("ajv-formats").default(ajv);
  const validate = ajv.compile(schema);
  if (!validate(server)) found.push(...validate.errors.map((error) => `schema: ${error.instancePath} ${error.message}`));
  // Those that are no rule of the schema's own: the version is free text there.
  for (const [what, copy] of Object.entries(spoilt))
    if (!what.includes("range") && validate(copy)) found.push(`the given schema lets ${what} pass`);
}
for (const problem of found) console.error(`WRONG  ${problem}`);
if (found.length === 0)
  console.log(`ok  server.json: ${server.packages.length} packages${schemaFile ? ", also by the schema itself" : "; no copy of the schema given (MCP_SERVER_SCHEMA)"}`);
process.exit(found.length === 0 ? 0 : 1);
