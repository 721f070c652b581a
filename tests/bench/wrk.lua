-- Posts the bodies of a file in turn: wrk -s wrk.lua URL -- BODIES (key|nokey)
local threads = 0

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init(args)
  bodies, serial = {}, id * 1000
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  keyed = args[2] ~= "nokey"
  run = os.time() .. "-" .. id
end

function request()
  serial = serial + 1
  local headers = { ["Content-Type"] = "application/json" }
  if keyed then headers["Idempotency-Key"] = "wrk-" .. run .. "-" .. serial end
  return wrk.format("POST", nil, headers, bodies[serial % #bodies + 1])
end

-- requests a second, p50 and p99 in ms, replies that were not 2xx, broken connections
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %.1f %.2f %.2f %d %d\n",
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.status, e.connect + e.read + e.write + e.timeout))
end
