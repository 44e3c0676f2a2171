-- For wrk, by registry_tokens.sh: cycles of an exchange (ID token to ID-JAG) and the redemption of that ID-JAG, from
-- requests that bench_registry_tokens has signed. One thread.
redeemed, failed, ran_out, first = 0, 0, 0, ""

local function read(file)
  local lines = io.lines(file)
  local requests = { path = lines(), start = lines(), next = 1 }
  for line in lines do requests[#requests + 1] = line end
  return requests
end

local function post(requests, more)
  local assertion = requests[requests.next]
  if not assertion then
    ran_out = 1
    wrk.thread:stop()
    return wrk.format("GET", "/ran-out")
  end
  requests.next = requests.next + 1
  local body = requests.start .. assertion .. more
  return "POST " .. requests.path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] ..
    "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local exchange, redeem
local waiting, oldest, newest = {}, 1, 0

function init(args)
  exchange, redeem = read(args[1] .. "/exchange"), read(args[1] .. "/redeem")
end

function request()
  if oldest > newest then return post(exchange, "") end
  local jag = waiting[oldest]
  waiting[oldest] = nil
  oldest = oldest + 1
  return post(redeem, "&assertion=" .. jag)
end

function response(status, headers, body)
  if status ~= 200 then
    failed = failed + 1
    if first == "" then first = status .. " " .. body end
  elseif body:find('"N_A"', 1, true) then
    newest = newest + 1
    waiting[newest] = body:match('"access_token":"([^"]+)"')
  else
    redeemed = redeemed + 1
  end
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

function done(summary)
  local thread = threads[1]
  io.write(string.format("cycles %d seconds %.3f failed %d ran_out %d %s\n", thread:get("redeemed"), summary.duration / 1e6,
    thread:get("failed"), thread:get("ran_out"), thread:get("first")))
end
