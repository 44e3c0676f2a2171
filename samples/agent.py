# An AI agent gets a token for an MCP server at the registry, in a person's name, and calls a tool. Needs PyJWT with
# cryptography (Debian: python3-jwt python3-cryptography).
#   REGISTRY=https://agents.example.com AGENT=wlp... KEY=agent.pem KEY_ID=... PERSON=person.jwt \
#   SERVER=https://mcp.example.com/mcp SCOPE=tools.call python3 agent.py TOOL [ARGUMENTS]
import json, sys, time, urllib.error, urllib.parse, urllib.request, uuid
from os import environ as env
import jwt

SERVER, AGENT = env["SERVER"], env["AGENT"]

def token(endpoint, **form):
    """A token of this endpoint. The agent proves with its key who it is (RFC 7523): for this endpoint, for a minute."""
    now = int(time.time())
    claims = {"iss": AGENT, "sub": AGENT, "aud": endpoint, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
    form["client_assertion"] = jwt.encode(claims, open(env["KEY"]).read(), "RS256", {"kid": env["KEY_ID"]})
    form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    try:
        return json.load(urllib.request.urlopen(endpoint, urllib.parse.urlencode(form).encode()))["access_token"]
    except urllib.error.HTTPError as refusal:
        sys.exit("{error}: {error_description}".format(**json.load(refusal)))

# The person's ID token becomes an ID-JAG for the authorization server that the MCP server names, and that an access token.
url = urllib.parse.urlsplit(SERVER)
about = json.load(urllib.request.urlopen(f"{url.scheme}://{url.netloc}/.well-known/oauth-protected-resource{url.path}"))
issuer = about["authorization_servers"][0]
id_jag = token(env["REGISTRY"] + "/oauth2/v1/token", audience=issuer, resource=SERVER, scope=env["SCOPE"],
               grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
               requested_token_type="urn:ietf:params:oauth:token-type:id-jag",
               subject_token=open(env["PERSON"]).read().strip(),
               subject_token_type="urn:ietf:params:oauth:token-type:id_token")
access = token(issuer + "/v1/token", grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=id_jag, resource=SERVER)

# MCP over Streamable HTTP: a session, then the call. Answers are JSON, or JSON in an event stream.
headers = {"Authorization": "Bearer " + access, "Content-Type": "application/json",
           "Accept": "application/json, text/event-stream"}

def mcp(**message):
    response = urllib.request.urlopen(urllib.request.Request(SERVER, json.dumps({"jsonrpc": "2.0", **message}).encode(), headers))
    headers.setdefault("MCP-Session-Id", response.headers.get("mcp-session-id") or "")
    lines = [line.removeprefix("data:").strip() for line in response.read().decode().splitlines()]
    return json.loads(([line for line in lines if line.startswith("{")] or ["{}"])[-1])

version = "2025-11-25"
mcp(id=1, method="initialize", params={"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "sample", "version": "1"}})
headers["MCP-Protocol-Version"] = version
mcp(method="notifications/initialized")
answer = mcp(id=2, method="tools/call", params={"name": sys.argv[1], "arguments": json.loads((sys.argv[2:] or ["{}"])[0])})
print(answer["result"]["content"][0]["text"] if "result" in answer else answer)
