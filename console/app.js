// The operators' console: who may come in, and what is asked for how often.
import { Problem } from './http.js';
import { authorized, logIn, logOut, resumeSession, sessionEmail, whenSessionEnds } from './session.js';
import { durationWords, find, make, warn } from './dom.js';
import { inspect } from './inspector.js';
import { addPoint } from './plots.js';
import { showPools } from './pools.js';
import { rateOf } from './rates.js';
import { showLetters, showRequests, whenInspected } from './tables.js';

const LOOK_MS = 1500;
const TABLES_EVERY = 3; // looks: dead letters and requests change slowly

let round = 0;
let timer = 0;
let held = false;

/* Queued jobs by pool: those that no transcoder has at hand yet. */
function waitingOf(pool, backlog) {
  if (!backlog) return null;
  return backlog.queued.filter((one) => one.pool === pool).reduce((sum, one) => sum + one.jobs, 0);
}

function showFigures({ pools, backlog }, rates) {
  const perSecond = rates.map((rate) => rate.perSecond).filter((rate) => rate !== null);
  const figures = {
    'Jobs done a second': perSecond.length ? perSecond.reduce((sum, rate) => sum + rate, 0).toFixed(1) : '–',
    'Jobs waiting': backlog ? backlog.queued.reduce((sum, one) => sum + one.jobs, 0) : '–',
    'Oldest waits': backlog ? durationWords(backlog.oldest_queued_ms) : '–',
    'Jobs in hand': backlog ? backlog.running : '–',
    Workers: pools ? pools.reduce((sum, pool) => sum + pool.workers_running, 0) : '–',
    'Outbox waiting': backlog ? `${backlog.outbox.waiting} (${durationWords(backlog.outbox.oldest_ms)})` : '–',
    'Dead letters': backlog ? backlog.dead_letters : '–',
  };
  const entries = Object.entries(figures).map(([name, value]) =>
    make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: String(value) })),
  );
  find('figures').replaceChildren(...entries);
}

async function look() {
  const { data } = await authorized('GET', '/v1/admin/overview', { tries: 1 });
  const pools = data.pools ?? [];
  const rates = pools.map(rateOf);
  const byName = (value) => Object.fromEntries(pools.map((pool, index) => [pool.name, value(pool, rates[index])]));
  showFigures(data, rates);
  showPools(pools);
  if (pools.length > 0)
    addPoint(Date.parse(data.time) / 1000, {
      throughput: byName((_, rate) => rate.perSecond),
      latency: byName((_, rate) => rate.p95),
      backlog: byName((pool) => waitingOf(pool.name, data.backlog)),
    });
  if (round++ % TABLES_EVERY === 0) await Promise.all([showLetters(), showRequests()]);
  return data.pools_problem ?? data.backlog_problem ?? '';
}

let complained = false;

/* One after the other: a slow server is not asked faster than it answers. */
async function keepLooking() {
  clearTimeout(timer);
  if (!held && !document.hidden) {
    try {
      const problem = await look();
      if (problem !== '' || complained) warn(problem);
      complained = problem !== '';
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!sessionEmail()) return;
      warn(error.message);
      complained = true;
    }
  }
  clearTimeout(timer);
  timer = setTimeout(keepLooking, LOOK_MS);
}

function showDoor(words = '') {
  clearTimeout(timer);
  find('room').hidden = true;
  find('account').hidden = true;
  find('door').hidden = false;
  find('door-problem').textContent = words;
  find('email').focus();
}

/* Whoever is logged in: administrators come in, others are told. */
async function enter() {
  const { data: me } = await authorized('GET', '/v1/me');
  if (!me.is_admin) {
    await logOut();
    showDoor('This account is not an administrator’s.');
    return;
  }
  find('door').hidden = true;
  find('room').hidden = false;
  find('account').hidden = false;
  find('who').textContent = sessionEmail();
  find('room').focus();
  await keepLooking();
}

find('door-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  find('door-problem').textContent = '';
  try {
    await logIn(find('email').value, find('password').value);
    find('password').value = '';
    await enter();
  } catch (error) {
    find('door-problem').textContent = error.message;
  }
});

find('inspect').addEventListener('submit', async (event) => {
  event.preventDefault();
  await inspectOrWarn(find('media-id').value.trim().toLowerCase());
});

async function inspectOrWarn(id) {
  try {
    await inspect(id);
    find('inspect-title').scrollIntoView();
  } catch (error) {
    find('media').replaceChildren(make('p', { className: 'problem', textContent: error.message }));
  }
}

find('logout').addEventListener('click', async () => {
  await logOut();
  showDoor();
});
find('hold').addEventListener('click', () => {
  held = !held;
  find('hold').setAttribute('aria-pressed', String(held));
  find('hold').textContent = held ? 'Go on updating' : 'Pause updating';
  if (!held) keepLooking();
});
find('dismiss-notice').addEventListener('click', () => warn(''));
find('letters-title').tabIndex = -1;
whenInspected(inspectOrWarn);
whenSessionEnds(showDoor);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && sessionEmail()) keepLooking();
});

try {
  if (await resumeSession()) await enter();
  else showDoor();
} catch (error) {
  showDoor(error.message);
}
