// The three plots: what was seen while this page was open, a line for each pool, told apart by dashes as well as by colour.
import { find, timeWords } from './dom.js';
import { alignLines } from './rates.js';

const { uPlot } = globalThis; // of vendor/, loaded before this module
const KEEP = 400; // points: ten minutes
const LOOKS = [
  { stroke: '#ff7448', dash: [] },
  { stroke: '#7cc7ff', dash: [8, 4] },
  { stroke: '#b8e986', dash: [2, 3] },
  { stroke: '#ffd166', dash: [12, 3, 2, 3] },
];
const AXIS = { stroke: '#bda79d', grid: { stroke: '#3b2a24', width: 1 }, ticks: { stroke: '#3b2a24' } };

class Plot {
  constructor(id, unit, digits) {
    Object.assign(this, { box: find(id), unit, digits, pools: [], data: [[]], chart: null });
    new ResizeObserver(() => this.chart?.setSize(this.size())).observe(this.box);
  }

  size() {
    return { width: Math.max(this.box.clientWidth, 200), height: 170 };
  }

  /* Pools that were not there before get a line of their own, empty until now. */
  draw(pools) {
    this.data = alignLines(this.data, this.pools, pools);
    this.pools = pools;
    this.chart?.destroy();
    const series = pools.map((label, index) => ({ label, width: 2, spanGaps: true, ...LOOKS[index % LOOKS.length] }));
    const options = {
      ...this.size(),
      legend: { live: false, markers: { width: 2, dash: (_, index) => (index % LOOKS.length === 1 ? 'solid' : 'dashed') } },
      cursor: { show: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(high ?? 0, low ?? 0, 1) * 1.15] } },
      axes: [{ ...AXIS, space: 70, values: (_, times) => times.map((seconds) => timeWords(seconds * 1000)) }, { ...AXIS, size: 46 }],
      series: [{}, ...series],
    };
    this.chart = new uPlot(options, this.data, this.box);
    for (const element of this.box.querySelectorAll('canvas, table')) element.setAttribute('aria-hidden', 'true');
  }

  /** values: by the pool's name; null where nothing is known. */
  add(seconds, values) {
    const pools = Object.keys(values);
    if (pools.join() !== this.pools.join() || !this.chart) this.draw(pools);
    this.data[0].push(seconds);
    pools.forEach((name, index) => this.data[index + 1].push(values[name]));
    if (this.data[0].length > KEEP) for (const line of this.data) line.shift();
    this.chart.setData(this.data);
    const words = pools.map((name) => `${name} ${values[name] === null ? 'nothing yet' : values[name].toFixed(this.digits)}`);
    this.box.setAttribute('aria-label', `${words.join(', ')} ${this.unit}`);
  }
}

let plots = null;

/** One point on each plot; values as {throughput, latency, backlog}, each by the pool's name. */
export function addPoint(seconds, values) {
  plots ??= {
    throughput: new Plot('plot-throughput', 'jobs a second', 1),
    latency: new Plot('plot-latency', 'seconds for 95 % of jobs', 2),
    backlog: new Plot('plot-backlog', 'jobs waiting', 0),
  };
  for (const [name, plot] of Object.entries(plots)) plot.add(seconds, values[name]);
}
