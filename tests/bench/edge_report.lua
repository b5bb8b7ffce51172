-- What wrk says at the end of a round, in one line: requests, microseconds, p99 in microseconds, failures.
done = function(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format("round %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(99),
		errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
