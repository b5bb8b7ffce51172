// Jobs a second and seconds a job, out of the counters in the transcoders' heartbeats.

const readings = new Map(); // "worker pool" → the latest heartbeat with the rate since the one before

/**
 * {perSecond, milliseconds} of a pool: the sum over its transcoders, the mean time of the jobs done in between (null when
 * there were none). perSecond is null until two heartbeats of one transcoder have been seen.
 */
export function rateOf(pool) {
  let perSecond = null;
  let jobs = 0;
  let spent = 0;
  for (const one of pool.transcoders) {
    if (one.late) continue;
    const reading = read(`${one.worker} ${pool.name}`, one);
    if (reading.perSecond === null) continue;
    perSecond = (perSecond ?? 0) + reading.perSecond;
    jobs += reading.jobs;
    spent += reading.spent;
  }
  return { perSecond, milliseconds: jobs > 0 ? spent / jobs : null };
}

function read(key, { time, done, job_ms: spent }) {
  const before = readings.get(key);
  if (before?.time === time) return before;
  const seconds = before ? (Date.parse(time) - Date.parse(before.time)) / 1000 : 0;
  // A heartbeat that comes early, because a setting changed, says too little about a rate.
  if (before && seconds < 0.5 && done >= before.done) return before;
  const fresh = { time, done, total: spent, perSecond: null, jobs: 0, spent: 0 };
  if (before && done >= before.done) {
    fresh.jobs = done - before.done;
    fresh.spent = spent - before.total;
    fresh.perSecond = fresh.jobs / seconds;
  }
  readings.set(key, fresh);
  return fresh;
}

/**
 * The data of a plot, [times, line, …], made to fit other pools: a pool that was there before keeps its line, a new one has
 * nothing so far.
 */
export function alignLines(data, before, pools) {
  const line = (name) => (before.includes(name) ? data[before.indexOf(name) + 1] : data[0].map(() => null));
  return [data[0], ...pools.map(line)];
}
