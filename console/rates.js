// Jobs a second and seconds a job, out of the counters in the transcoders' heartbeats.

const readings = new Map(); // "worker pool" → the latest heartbeat with the rate since the one before

/**
 * {perSecond, p95} of a pool: the sum over its transcoders, and the seconds within which 95 % of the jobs done in between
 * were (null when there were none). perSecond is null until two heartbeats of one transcoder have been seen.
 */
export function rateOf(pool) {
  let perSecond = null;
  let bounds = [];
  const counts = [];
  for (const one of pool.transcoders) {
    if (one.late) continue;
    const reading = read(`${one.worker} ${pool.name}`, one);
    if (reading.perSecond === null) continue;
    perSecond = (perSecond ?? 0) + reading.perSecond;
    bounds = one.job_bounds_us ?? [];
    reading.fresh.forEach((count, index) => (counts[index] = (counts[index] ?? 0) + count));
  }
  return { perSecond, p95: quantile(0.95, bounds, counts) };
}

/**
 * The seconds within which that share of the observations lies: as Prometheus’ histogram_quantile has it, evenly spread
 * within their bucket. bounds: in microseconds; counts: one more, of those above them all. Null without observations.
 */
export function quantile(share, bounds, counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0 || bounds.length === 0) return null;
  let below = 0;
  for (let index = 0; index < bounds.length; index++) {
    if (counts[index] > 0 && below + counts[index] >= share * total) {
      const from = index === 0 ? 0 : bounds[index - 1];
      return (from + ((bounds[index] - from) * (share * total - below)) / counts[index]) / 1e6;
    }
    below += counts[index];
  }
  return bounds.at(-1) / 1e6;
}

function read(key, { time, done, job_counts: counts = [] }) {
  const before = readings.get(key);
  if (before?.time === time) return before;
  const seconds = before ? (Date.parse(time) - Date.parse(before.time)) / 1000 : 0;
  // A heartbeat that comes early, because a setting changed, says too little about a rate.
  if (before && seconds < 0.5 && done >= before.done) return before;
  const now = { time, done, counts, perSecond: null, fresh: [] };
  if (before && done >= before.done) {
    now.perSecond = (done - before.done) / seconds;
    now.fresh = counts.map((count, index) => Math.max(count - (before.counts[index] ?? 0), 0));
  }
  readings.set(key, now);
  return now;
}

/**
 * The data of a plot, [times, line, …], made to fit other pools: a pool that was there before keeps its line, a new one has
 * nothing so far.
 */
export function alignLines(data, before, pools) {
  const line = (name) => (before.includes(name) ? data[before.indexOf(name) + 1] : data[0].map(() => null));
  return [data[0], ...pools.map(line)];
}
