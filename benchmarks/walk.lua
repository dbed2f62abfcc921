-- Sends every request of a list exactly once, then prints one line of JSON and ends wrk.
-- Arguments: the list. Each line: method, tab, path and, for a POST, tab and the body's file.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } timespec_t;
  int clock_gettime(int clock, timespec_t *time);
]]

local lines = {}
local claimed, sent = 0, 0
local walker  -- wrk's one thread, as seen from the state that setup() and done() run in
answered, wrong, bytes, started = 0, 0, 0, 0  -- global, so that done() can read them
local asked_by_wrk = true  -- wrk calls request() once before it starts, to look at what it returns

local function now()  -- CLOCK_MONOTONIC: the same for all processes
  local time = ffi.new("timespec_t")
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read("*a")
  file:close()
  return content
end

local function formatted(line)
  local method, path, body = line:match("^(%S+)\t(%S+)\t?(.*)$")
  if body == "" then return wrk.format(method, path) end
  return wrk.format(method, path, { ["Content-Type"] = "image/jpeg" }, read(body))
end

local function report(answered, wrong, bytes, started)
  io.write(string.format(
    '{"requests": %d, "wrong": %d, "bytes": %d, "started": %.6f, "ended": %.6f}\n',
    answered, wrong, bytes, started, now()))
  io.flush()
end

function setup(thread)
  walker = thread
end

function init(args)
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
end

function delay()  -- asked before every request; a connection with nothing left to send rests
  if claimed >= #lines then return 600000 end
  claimed = claimed + 1
  return 0
end

function request()
  if asked_by_wrk then
    asked_by_wrk = false
    return formatted(lines[1])
  end
  if started == 0 then started = now() end
  sent = sent + 1
  return formatted(lines[sent] or lines[#lines])
end

function response(status, headers, body)
  answered = answered + 1
  bytes = bytes + #body
  if status ~= 200 and status ~= 201 then wrong = wrong + 1 end
  if answered >= #lines then
    report(answered, wrong, bytes, started)
    os.exit(0)
  end
end

function done()  -- only when wrk was interrupted or ran out of time
  report(walker:get("answered"), walker:get("wrong"), walker:get("bytes"), walker:get("started"))
end
