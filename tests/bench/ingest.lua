-- wrk: begins of uploads by many accounts in turn. TOKENS names a file with an access token a line; RATE (0: as fast as
-- it goes) is what all connections together are to ask a second. UPLOAD names an upload of the first account: then it is
-- asked for, again and again, instead of beginning any. Prints one line: requests/s, p99 in ms, wrong
-- answers, answers.
local tokens, at, requests = {}, 0, {}
for line in io.lines(os.getenv("TOKENS")) do
	tokens[#tokens + 1] = line
end
local rate = tonumber(os.getenv("RATE") or "0")
local connections = tonumber(os.getenv("CONNECTIONS"))
local body = '{"filename":"IMG_0001.jpg","content_type":"image/jpeg","size":2400000}'

function init()
	local upload = os.getenv("UPLOAD") or ""
	if upload ~= "" then
		requests[1] = wrk.format("GET", "/v1/uploads/" .. upload, { ["Authorization"] = "Bearer " .. tokens[1] })
		return
	end
	for i, token in ipairs(tokens) do
		requests[i] = wrk.format("POST", "/v1/uploads",
			{ ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }, body)
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end

if rate > 0 then
	function delay()
		return math.random() * 2000 * connections / rate
	end
end

function done(summary, latency)
	local errors = summary.errors
	local wrong = errors.status + errors.connect + errors.read + errors.write + errors.timeout
	print(string.format("result %.1f %.2f %d %d", summary.requests / (summary.duration / 1e6), latency:percentile(99) / 1000, wrong,
		summary.requests))
end
