// A card for each pool: what it does, and sliders that turn it.
import { authorized } from './session.js';
import { actButton, find, make, say, warn } from './dom.js';

const SETTLE_MS = 350; // after the last key or step of a slider, before it acts
const SLIDERS = [
  { key: 'workers', label: 'Workers', least: 1, most: 16, hint: 'decoder children at work in each transcoder' },
  { key: 'workers_min', label: 'At least', least: 0, most: 16, hint: 'with a larger limit: adjusted by backlog and CPU; 0: fixed' },
  { key: 'workers_max', label: 'At most', least: 0, most: 16, hint: 'the other limit; 0: fixed' },
  { key: 'prefetch', label: 'Prefetch', least: 1, most: 32, hint: 'inputs fetched ahead of a free child' },
  { key: 'interactive_share', label: 'Interactive share', least: 1, most: 64, hint: 'fresh jobs for one of the bulk lane' },
  { key: 'nice', label: 'Niceness', least: 0, most: 19, hint: 'higher yields the CPU to others' },
];
const cards = new Map();

class Card {
  constructor(name) {
    this.name = name;
    this.sliders = new Map();
    this.state = make('span', { className: 'state' });
    this.facts = make('p', { className: 'facts' });
    this.pause = actButton('Pause', () => this.change({ paused: !this.pool.setting.paused }));
    const title = make('h3', { id: `pool-${name}`, textContent: name });
    this.element = make('article', { className: 'card pool', 'aria-labelledby': title.id }, title, this.state, this.facts);
    for (const slider of SLIDERS) this.element.append(this.makeSlider(slider));
    this.element.append(this.pause);
  }

  makeSlider({ key, label, least, most, hint }) {
    const id = `${this.name}-${key}`;
    const input = make('input', { type: 'range', id, min: least, max: most, step: 1, 'aria-describedby': `${id}-hint` });
    const output = make('output', { htmlFor: id });
    const slider = { input, output, timer: 0, touched: false };
    input.addEventListener('input', () => {
      slider.touched = true;
      output.textContent = input.value;
    });
    input.addEventListener('change', () => {
      slider.touched = true;
      clearTimeout(slider.timer);
      slider.timer = setTimeout(() => this.turn(slider, key, label), SETTLE_MS);
    });
    this.sliders.set(key, slider);
    const row = make('div', { className: 'slider' }, make('label', { for: id, textContent: label }), input, output);
    row.append(make('span', { id: `${id}-hint`, className: 'hint', textContent: hint }));
    return row;
  }

  async turn(slider, key, label) {
    const value = Number(slider.input.value);
    try {
      await this.change({ [key]: value });
      say(`${this.name}: ${label} is now ${value}.`);
    } catch (error) {
      warn(error.message);
    }
    slider.touched = false;
    this.show(this.pool);
  }

  /* Only over what this page has seen: who was faster is not overwritten. */
  async change(change) {
    const body = { ...change, if_revision: this.pool.setting.revision ?? 0 };
    const { data } = await authorized('PATCH', `/v1/admin/pools/${encodeURIComponent(this.name)}`, { body, tries: 1 });
    warn('');
    if ('paused' in change) say(`${this.name} is ${change.paused ? 'paused' : 'running'}.`);
    this.show(data);
  }

  show(pool) {
    this.pool = pool;
    const { setting } = pool;
    const words = setting.paused ? 'Paused' : pool.backs_off ? 'Backs off: its children die' : 'Running';
    const sign = setting.paused ? '⏸' : pool.backs_off ? '⚠' : '▶';
    this.state.textContent = `${sign} ${words}${pool.taken ? '' : ', not followed by every transcoder yet'}`;
    const by = setting.by ? `, set by ${setting.by} (revision ${setting.revision})` : ', as configured';
    const { workers_min: least, workers_max: most } = setting;
    const adjusted = least > 0 && most > least ? ` (adjusts itself, ${least} to ${most} in each transcoder)` : '';
    this.facts.textContent =
      `${pool.workers_running} of ${pool.workers_wanted} workers${adjusted}, ${pool.waiting} inputs at hand, ` +
      `${pool.done} jobs done, ${pool.attempts_failed} attempts failed${by}`;
    this.pause.textContent = setting.paused ? 'Resume' : 'Pause';
    this.pause.setAttribute('aria-label', `${setting.paused ? 'Resume' : 'Pause'} pool ${this.name}`);
    for (const [key, { input, output, touched }] of this.sliders) {
      if (touched) continue;
      input.max = Math.max(Number(input.max), setting[key]);
      input.value = setting[key];
      output.textContent = setting[key];
    }
  }
}

export function showPools(pools) {
  for (const pool of pools) {
    if (!cards.has(pool.name)) {
      const card = new Card(pool.name);
      cards.set(pool.name, card);
      find('pools').append(card.element);
    }
    cards.get(pool.name).show(pool);
  }
}
