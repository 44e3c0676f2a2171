#!/usr/bin/env python3
"""Turns Okta's OpenAPI descriptions and error list into the two tables that the room `catalogue` embeds.

    tools/catalogue/generate.py --openapi DIR --reference DIR [--out src/catalogue]

DIR of --openapi holds management-minimal.yaml (okta/okta-management-openapi-spec, release 2026.06.3: what is public)
and nodejs-sdk-8.2.0-management.yaml (okta/okta-sdk-nodejs: also what is not generally available). DIR of --reference
holds error-codes.json (okta/okta-developer-docs). All Apache-2.0; only facts are taken: names, paths, types, numbers.

The output is the same for the same input, byte for byte. Needs python3-yaml.

operations.tsv, one operation a line, ordered by path and method, tab-separated:
    id  method  path  effect  scopes  bucket  page_maximum  body  parameters
  scopes      comma-separated; all of them are needed
  body        "body" when the operation takes one
  parameters  space-separated, each PLACE[!]NAME:TYPE; PLACE is p(ath), q(uery) or h(eader), "!" marks required

error_codes.tsv, one code a line, ordered: code  http_status
"""

import argparse
import json
import pathlib
import re
import sys

import yaml

SOURCES = ["management-minimal.yaml", "nodejs-sdk-8.2.0-management.yaml"]  # the first one wins
METHODS = ["get", "head", "post", "put", "patch", "delete"]

# --- Effects -----------------------------------------------------------------------------------------------------
# GET reads, PUT replaces, PATCH updates, DELETE destroys, a POST under /lifecycle/ moves a thing through its life.
# Every other POST is told by the verb its operationId begins with; a verb missing here stops the generator, so that
# a new operation is never taken for a read by accident.

# POSTs that change nothing in the org. Okta asks only for a .read scope for each of them.
READING_POSTS = {
    "createPolicySimulation": "evaluates existing policies for a made-up request and stores nothing",
    "submitGroupAttributeQuery": "asks an on-premises agent for attributes; the answer is fetched by a GET",
}
# POSTs that look as harmless and are not: sendTestEmail (a .read scope, but mail leaves), verifyFactor (uses up a
# code or sends a challenge), verifyActions (a .read scope, but calls the actions provider), testEmailServer,
# executeInlineHook (calls somebody else's service).

# The one GET that is not a read: it makes an app's authorization server issue a code on the admin's behalf, and
# Okta wants okta.apps.manage for it.
WRITING_GETS = {"getOAuth2AccessTokenForExpressConfiguration": "lifecycle"}

EFFECT_OF_VERB = {
    "add": "create", "assign": "create", "clone": "create", "create": "create", "enroll": "create",
    "generate": "create", "grant": "create", "link": "create", "map": "create", "publish": "create",
    "register": "create",
    "change": "update", "configure": "update", "set": "update", "update": "update", "upload": "update",
    "activate": "lifecycle", "claim": "lifecycle", "deactivate": "lifecycle", "execute": "lifecycle",
    "extend": "lifecycle", "forgot": "lifecycle", "opt": "lifecycle", "pause": "lifecycle", "prepare": "lifecycle",
    "resend": "lifecycle", "resume": "lifecycle", "retry": "lifecycle", "revoke": "lifecycle",
    "rotate": "lifecycle", "send": "lifecycle", "start": "lifecycle", "stop": "lifecycle", "submit": "lifecycle",
    "subscribe": "lifecycle", "test": "lifecycle", "unsubscribe": "lifecycle", "verify": "lifecycle",
}
# Where the verb misleads.
EFFECT_OF_POST = {
    "assignFulfillmentErrorWebAuthnPreregistrationFactor": "lifecycle",  # marks an enrolment as failed
    "bulkRemoveEmailAddressBounces": "destroy",                          # takes addresses off the bounce list
    "forgotPasswordSetNewPassword": "update",                            # sets the password there and then
    "generateFulfillmentRequest": "lifecycle",                           # starts a shipment
    "grantAerialConsent": "lifecycle",                                   # the counterpart of revokeAerialConsent
    "grantOktaSupport": "lifecycle",                                     # the counterpart of revokeOktaSupport
    "setAsPrimaryCustomTelephonyCredential": "lifecycle",
    "uploadYubikeyOtpTokenSeed": "create",
}

# --- Rate buckets ------------------------------------------------------------------------------------------------
# Okta's page "Management rate limits" (last numeric edition, December 2025) names these; an exact path wins, else the
# longest prefix. The page lets GET of one user count apart from every other call below /api/v1/users.
# What the page leaves to "most other API actions" is counted per family in recorded answers: operations of one family
# share a falling X-Rate-Limit-Remaining, operations of two families never do. The families, then, are the prefix up
# to the first segment after /api/v1, one segment more below the gathering places named in DEEP_FAMILIES.
EXACT_BUCKETS = {  # (method or None for all, path with {}) → bucket
    ("GET", "/api/v1/users/{}"): "/api/v1/users/{idOrLogin}",
    (None, "/api/v1/apps/{}"): "/api/v1/apps/{id}",
    (None, "/api/v1/groups/{}"): "/api/v1/groups/{id}",
    # Recorded apart from the rest of /api/v1/devices (limit 300 beside 50 in one session).
    (None, "/api/v1/devices/{}/users"): "/api/v1/devices/{id}/users",
}
PREFIX_BUCKETS = [
    "/api/v1/org/email/bounces/remove-list",
    "/oauth2/v1/clients",
    # Recorded to share one counter with /api/v1/captchas.
    ("/api/v1/org/captcha", "/api/v1/captchas"),
]
DEEP_FAMILIES = {"iam", "meta", "org", "rate-limit-settings"}

# --- Page maxima -------------------------------------------------------------------------------------------------
# The `maximum` of the parameter `limit`; else a number its description calls the maximum; else its default, which is
# known to be accepted. These say more than the description does:
PAGE_MAXIMA = {
    "listLogEvents": 1000,          # System Log guide: default 100, at most 1,000
    "listAssignedApplicationsForGroup": 200,  # default 20; 200 is what Okta's own tools ask for
    "listPolicies": 100,            # no number published; 100 is what Okta's own tools ask for
    "listPolicyRules": 100,         # as above
    "listNetworkZones": 200,        # default -1 ("all"); the common maximum of the API
}


# --- What no published description holds -------------------------------------------------------------------------
# "MCP servers" of Okta for AI Agents, after the pages of developer.okta.com that name path, scope and limit
# (docs/api/secures-ai/mcp-servers, reference "MCP Server Registrations"). A description that comes to hold one wins.
MCP_SERVERS = "/resource-servers/api/v1/mcp-servers"
MCP_SERVER_READ = "okta.resourceServers.mcpServers.read"
MCP_SERVER_MANAGE = "okta.resourceServers.mcpServers.manage"
UNPUBLISHED = [
    # id, method, path below MCP_SERVERS, effect, page maximum, body, parameters
    ("listMcpServers", "GET", "", "read", 200, "", "qafter:string qlimit:integer qsearch:string"),
    ("registerMcpServer", "POST", "", "create", 0, "body", ""),
    ("getMcpServer", "GET", "/{mcpServerId}", "read", 0, "", "p!mcpServerId:string"),
    ("updateMcpServer", "PATCH", "/{mcpServerId}", "update", 0, "body", "p!mcpServerId:string"),
    ("deleteMcpServer", "DELETE", "/{mcpServerId}", "destroy", 0, "", "p!mcpServerId:string"),
    ("activateMcpServer", "POST", "/{mcpServerId}/lifecycle/activate", "lifecycle", 0, "", "p!mcpServerId:string"),
    ("deactivateMcpServer", "POST", "/{mcpServerId}/lifecycle/deactivate", "lifecycle", 0, "", "p!mcpServerId:string"),
    ("listMcpServerAuthorizationServers", "GET", "/{mcpServerId}/authorization-servers", "read", 200, "",
     "p!mcpServerId:string qafter:string qlimit:integer qfilter:string"),
]
RESOURCE_SERVER_OPERATION = ("getResourceServerOperation", "GET", "/resource-servers/api/v1/operations/{operationId}",
                             "read", MCP_SERVER_READ, "/resource-servers/api/v1/operations", "0", "",
                             "p!operationId:string")


def unpublished():
    for name, method, below, effect, page_maximum, body, parameters in UNPUBLISHED:
        scope = MCP_SERVER_READ if effect == "read" else MCP_SERVER_MANAGE
        yield [name, method, MCP_SERVERS + below, effect, scope, MCP_SERVERS, str(page_maximum), body, parameters]
    yield list(RESOURCE_SERVER_OPERATION)


def shape(path):
    """A path whose parameters have lost their names: the two sources name them differently."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def resolve(node, document):
    while isinstance(node, dict) and "$ref" in node:
        target = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def schema_type(schema, document):
    schema = resolve(schema or {}, document)
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    for combination in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(combination, []):
            return schema_type(part, document)
    return "object" if "properties" in schema else "string"


def parameters_of(operation, item, document):
    found = {}
    for parameter in item.get("parameters", []) + operation.get("parameters", []):
        parameter = resolve(parameter, document)
        found[(parameter["in"], parameter["name"])] = parameter
    return [p for (place, _), p in found.items() if place in ("path", "query", "header")]


def effect_of(method, path, operation_id):
    if method in ("GET", "HEAD"):
        return WRITING_GETS.get(operation_id, "read")
    if method in ("PUT", "PATCH", "DELETE"):
        return {"PUT": "replace", "PATCH": "update", "DELETE": "destroy"}[method]
    if operation_id in READING_POSTS:
        return "read"
    if operation_id in EFFECT_OF_POST:
        return EFFECT_OF_POST[operation_id]
    if "/lifecycle/" in path or path.endswith("/{lifecycle}"):
        return "lifecycle"
    verb = re.match(r"[a-z]+", operation_id).group()
    if verb not in EFFECT_OF_VERB:
        sys.exit(f"{operation_id} ({method} {path}): say in this script what '{verb}' does to the org")
    return EFFECT_OF_VERB[verb]


def bucket_of(method, path):
    plain = shape(path)
    for key in ((method, plain), (None, plain)):
        if key in EXACT_BUCKETS:
            return EXACT_BUCKETS[key]
    for row in PREFIX_BUCKETS:
        prefix, bucket = row if isinstance(row, tuple) else (row, row)
        if plain == prefix or plain.startswith(prefix + "/"):
            return bucket
    segments = path.split("/")
    if segments[1:3] == ["api", "v1"]:
        deep = len(segments) > 4 and segments[3] in DEEP_FAMILIES and not segments[4].startswith("{")
        return "/".join(segments[:5] if deep else segments[:4])
    return "/".join(segments[:5])


def page_maximum_of(method, operation_id, parameters, document):
    if method != "GET":
        return 0
    limit = next((p for p in parameters if p["name"] == "limit" and p["in"] == "query"), None)
    if limit is None:
        return 0
    if operation_id in PAGE_MAXIMA:
        return PAGE_MAXIMA[operation_id]
    schema = resolve(limit.get("schema", {}), document)
    if "maximum" in schema:
        return int(schema["maximum"])
    stated = re.search(r"[Mm]aximum(?: value)?:? (\d+)", limit.get("description", ""))
    if stated:
        return int(stated.group(1))
    return max(0, int(schema.get("default", 0)))


def scopes_of(operation):
    requirements = [r["oauth2"] for r in operation.get("security") or [] if "oauth2" in r]
    if len(requirements) > 1:
        sys.exit(f"{operation['operationId']}: alternatives of scopes; the table has no place for them")
    return sorted(requirements[0]) if requirements else []


def rows_of(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method not in METHODS:
                continue
            verb = method.upper()
            parameters = parameters_of(operation, item, document)
            names = [p["name"] for p in parameters if p["in"] == "path"]
            if sorted(names) != sorted(re.findall(r"\{([^}]*)\}", path)):
                sys.exit(f"{verb} {path}: its path parameters are {names}")
            # A path parameter is always required (OpenAPI 3.0.3, "Parameter Object"); one description forgets to say so.
            written = [
                "{}{}{}:{}".format(p["in"][0], "!" if p.get("required") or p["in"] == "path" else "", p["name"],
                                   schema_type(p.get("schema"), document))
                for p in parameters
            ]
            operation_id = operation["operationId"]
            yield (verb, shape(path)), [
                operation_id, verb, path, effect_of(verb, path, operation_id), ",".join(scopes_of(operation)),
                bucket_of(verb, path), str(page_maximum_of(verb, operation_id, parameters, document)),
                "body" if "requestBody" in operation else "", " ".join(written),
            ]


def operations(directory):
    merged = {}
    for name in SOURCES:
        with open(directory / name, encoding="utf-8") as file:
            document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for key, row in rows_of(document):
            merged.setdefault(key, row)
    for row in unpublished():
        merged.setdefault((row[1], shape(row[2])), row)
    rows = sorted(merged.values(), key=lambda row: (row[2], row[1]))
    ids = [row[0] for row in rows]
    if len(set(ids)) != len(ids):
        sys.exit("two operations share an operationId: " + ", ".join(i for i in ids if ids.count(i) > 1))
    for known in [*READING_POSTS, *WRITING_GETS, *EFFECT_OF_POST, *PAGE_MAXIMA]:
        if known not in ids:
            sys.exit(f"this script speaks of {known}, which the descriptions do not hold")
    return rows


def error_codes(directory):
    with open(directory / "error-codes.json", encoding="utf-8") as file:
        entries = json.load(file)["errors"]
    return sorted([entry["errorCode"], str(entry["statusCode"])] for entry in entries)


def write(path, rows):
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{path.name}: {len(rows)} rows")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--openapi", type=pathlib.Path, required=True)
    arguments.add_argument("--reference", type=pathlib.Path, required=True)
    arguments.add_argument("--out", type=pathlib.Path,
                           default=pathlib.Path(__file__).resolve().parents[2] / "src" / "catalogue")
    options = arguments.parse_args()
    write(options.out / "operations.tsv", operations(options.openapi))
    write(options.out / "error_codes.tsv", error_codes(options.reference))


if __name__ == "__main__":
    main()
