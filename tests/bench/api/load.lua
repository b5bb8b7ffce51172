-- wrk's script for the API's benchmark: load.lua PATHS TOKEN [PAUSE_MS] asks the paths of a file in random order; with a
-- pause each connection waits 0 to 2 * PAUSE_MS before each request. Prints one line of JSON.
local requests, pause = {}, 0

function init(arguments)
	wrk.headers["Authorization"] = "Bearer " .. arguments[2]
	for path in io.lines(arguments[1]) do
		requests[#requests + 1] = wrk.format("GET", path)
	end
	pause = tonumber(arguments[3] or "0")
	math.randomseed(tonumber(tostring(wrk.thread):match("0x(%x+)"), 16) or 1)
end

function request()
	return requests[math.random(#requests)]
end

function delay()
	return pause > 0 and math.random(0, math.floor(2 * pause)) or 0
end

function done(summary, latency)
	io.write(string.format('{"rate":%.1f,"bad":%d,"p50":%.3f,"p99":%.3f,"bytes":%d}\n',
		(summary.requests - summary.errors.status) * 1e6 / summary.duration,
		summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
		latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.bytes / summary.requests))
end
