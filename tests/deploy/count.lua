-- For wrk: reads and writes of one account, each on a connection of its own; tells how many were answered otherwise than 2xx.
local threads = {}
function setup(thread) table.insert(threads, thread) end

function init()
	token = os.getenv("TOKEN")
	calls, wrong = 0, 0
end

function request()
	calls = calls + 1
	local headers = { Authorization = "Bearer " .. token, Connection = "close" }
	if calls % 4 == 0 then
		headers["Content-Type"] = "application/json"
		return wrk.format("POST", "/v1/items", headers, '{"title":"rolling"}')
	end
	return wrk.format("GET", "/v1/items?limit=5", headers)
end

function response(status) if status < 200 or status > 299 then wrong = wrong + 1 end end

function done(summary)
	local sum = 0
	for _, thread in ipairs(threads) do sum = sum + thread:get("wrong") end
	local errors = summary.errors
	io.write(string.format("answered %d wrong %d broken %d\n", summary.requests, sum,
		errors.connect + errors.read + errors.write + errors.timeout))
end
