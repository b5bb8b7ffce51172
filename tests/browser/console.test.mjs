// Walks through the operators' console in a real Chromium against a running stack: others are refused, a pool is turned by
// the keyboard, a dead letter is dropped, a media is looked at. The browser's console has to stay free of errors.
//
// SAFELIGHT_URL      where the edge answers, e.g. http://127.0.0.1:8080 (required)
// SAFELIGHT_CONFIG   the stack's configuration, for safelightctl and psql (required)
// BUILD_DIR          where bin/safelightctl lies (required)
// SCREENSHOT_DIR     where to put screenshots (optional)
// CHROMIUM           the browser (default /usr/bin/chromium)
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { alignLines, quantile, rateOf } from '../../console/rates.js';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
const PASSWORD = randomBytes(18).toString('base64url');
const PHOTO = new URL('../../samples/photos/tide.jpg', import.meta.url);
const AWAIT_MS = 30_000;

const complaints = [];
let expectRefusal = false;
let browser, page, admin, somebody;

const at = (path) => new URL(path, process.env.SAFELIGHT_URL).href;

function control(...words) {
  return execFileSync(join(process.env.BUILD_DIR, 'bin/safelightctl'), words, { encoding: 'utf8' });
}

async function call(method, path, { token, body, headers = {}, raw } = {}) {
  const sent = { ...headers };
  if (token) sent.authorization = `Bearer ${token}`;
  if (body) sent['content-type'] = 'application/json';
  const response = await fetch(path.startsWith('http') ? path : at(path), { method, headers: sent, body: raw ?? (body && JSON.stringify(body)) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === '' || !/json/.test(response.headers.get('content-type')) ? null : JSON.parse(text);
}

async function signUp() {
  const email = `console-${randomBytes(8).toString('hex')}@example.org`;
  const { access_token: token } = await call('POST', '/v1/auth/signup', { body: { email, password: PASSWORD } });
  return { email, token };
}

/* Uploads bytes and waits until the media is in that state. */
async function upload({ token }, filename, bytes, state) {
  const body = { filename, content_type: 'image/jpeg', size: bytes.length };
  const { upload_id: id, media_id: mediaId, method, url, headers } = await call('POST', '/v1/uploads', { token, body });
  await call(method, url, { raw: bytes, headers });
  await call('POST', `/v1/uploads/${id}/complete`, { token, body: {} });
  const end = Date.now() + AWAIT_MS;
  for (;;) {
    const media = await call('GET', `/v1/media/${mediaId}`, { token });
    if (media.state === state) return mediaId;
    assert.ok(Date.now() < end, `the media is ${media.state}, not ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function screenshot(name) {
  if (!process.env.SCREENSHOT_DIR) return;
  await mkdir(process.env.SCREENSHOT_DIR, { recursive: true });
  await page.screenshot({ path: join(process.env.SCREENSHOT_DIR, `console-${name}.png`), fullPage: true });
}

async function logIn(email) {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
}

before(async () => {
  for (const name of ['SAFELIGHT_URL', 'SAFELIGHT_CONFIG', 'BUILD_DIR']) assert.ok(process.env[name], `${name} has to be set`);
  admin = await signUp();
  somebody = await signUp();
  control('user', 'make-admin', admin.email);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS });
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !(expectRefusal && /status of 4\d\d/.test(message.text()))) complaints.push(message.text());
  });
});

after(async () => {
  await browser?.close();
  if (admin) control('user', 'make-admin', admin.email, '--revoke');
});

test('the page is served with a strict policy, and its charts are the package’s own', async () => {
  const response = await page.goto(at('/console'));
  assert.equal(response.status(), 200);
  assert.match(response.url(), /\/console\/$/);
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'.*script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  for (const name of ['uPlot.iife.min.js', 'uPlot.min.css']) {
    const served = await (await fetch(at(`/console/vendor/${name}`))).text();
    const published = await readFile(new URL(`node_modules/uplot/dist/${name}`, import.meta.url), 'utf8');
    assert.ok(served === published, `${name} differs from the published one`);
  }
});

test('who is no administrator is turned away, by the page and by the API', async () => {
  await logIn(somebody.email);
  await page.getByText('This account is not an administrator’s.').waitFor();
  assert.equal(await page.locator('#room').isVisible(), false);
  for (const path of ['overview', 'dead-letters', 'requests']) {
    const headers = { authorization: `Bearer ${somebody.token}` };
    assert.equal((await fetch(at(`/v1/admin/${path}`), { headers })).status, 403);
    assert.equal((await fetch(at(`/v1/admin/${path}`))).status, 401);
  }
});

test('an administrator sees pools, plots and figures', async () => {
  await logIn(admin.email);
  await page.getByRole('article', { name: 'fast' }).waitFor();
  await page.locator('#plot-throughput canvas').waitFor();
  await page.locator('#figures dt', { hasText: 'Jobs waiting' }).waitFor();
  assert.match(await page.locator('#plot-backlog').getAttribute('aria-label'), /fast \d+.* jobs waiting/);
});

test('a slider turns the pool, by the keyboard alone', async () => {
  const wanted = () => JSON.parse(control('pool', 'show', 'fast', '--json')).setting.workers;
  const slider = page.getByRole('slider', { name: 'Workers' }).first();
  const pool = page.getByRole('article', { name: 'fast' });
  await pool.getByRole('slider', { name: 'Workers' }).focus();
  const before = Number(await slider.inputValue());
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.locator('#status', { hasText: `fast: Workers is now ${before + 2}` }).waitFor({ state: 'attached' });
  assert.equal(wanted(), before + 2);
  await pool.getByText(`${before + 2} of ${before + 2} workers`).waitFor();
  // Back, and what somebody else turns meanwhile is shown.
  control('pool', 'set', 'fast', '--workers', String(before));
  await pool.getByText(`${before} of ${before} workers`).waitFor();
  assert.equal(Number(await slider.inputValue()), before);
});

test('limits let the pool adjust itself, and the card says so', async () => {
  const pool = page.getByRole('article', { name: 'fast' });
  const turn = async (name, value) => {
    await pool.getByRole('slider', { name }).fill(String(value));
    await page.locator('#status', { hasText: `fast: ${name} is now ${value}.` }).waitFor({ state: 'attached' });
  };
  await turn('At most', 3);
  await turn('At least', 1);
  await pool.getByText('adjusts itself, 1 to 3 in each transcoder').waitFor();
  assert.match(control('pool', 'list'), /^fast .* 1-3 /m);
  control('pool', 'set', 'fast', '--workers-min', '0', '--workers-max', '0');
  await pool.getByText('adjusts itself').waitFor({ state: 'detached' });
});

test('a pool is paused and resumed', async () => {
  const pool = page.getByRole('article', { name: 'fast' });
  await pool.getByRole('button', { name: 'Pause pool fast' }).click();
  await pool.getByText('Paused').waitFor();
  await pool.getByRole('button', { name: 'Resume pool fast' }).click();
  await pool.getByText('Running').waitFor();
});

test('a dead letter is looked at, and dropped', async () => {
  const bytes = (await readFile(PHOTO)).subarray(0, 30_000);
  const mediaId = await upload(somebody, 'torn.jpg', bytes, 'failed');
  const row = page.locator('#letters tbody tr', { hasText: mediaId });
  await row.waitFor({ timeout: AWAIT_MS });
  await row.getByRole('button', { name: `Inspect media ${mediaId}` }).click();
  await page.locator('#media', { hasText: 'torn.jpg' }).waitFor();
  await row.getByRole('button', { name: 'Drop' }).click();
  await row.waitFor({ state: 'detached' });
  const letters = JSON.parse(control('dead', 'list', '--limit', '1000', '--json'));
  assert.ok(!letters.some((letter) => letter.media_id === mediaId));
});

test('anybody’s media is shown with its variants side by side', async () => {
  const mediaId = await upload(somebody, 'tide.jpg', await readFile(PHOTO), 'ready');
  await page.getByLabel('Id of any media').fill(mediaId);
  await page.getByRole('button', { name: 'Inspect', exact: true }).click();
  await page.locator('.variant img').first().waitFor();
  await page.waitForFunction(() => {
    const images = [...document.querySelectorAll('.variant img')];
    for (const image of images) image.loading = 'eager';
    return images.length > 3 && images.every((image) => image.complete && image.naturalWidth > 0);
  });
  await page.locator('#media td', { hasText: 'job claimed' }).first().waitFor();
  await screenshot('whole');
});

test('an unknown media is told of in words', async () => {
  expectRefusal = true;
  await page.getByLabel('Id of any media').fill('01a20ca8-1180-7243-b65c-1dee9be55c5b');
  await page.keyboard.press('Enter');
  await page.locator('#media .problem', { hasText: 'no such thing' }).waitFor();
  expectRefusal = false;
});

test('everything that can be done has a name, and the order of focus is the page’s', async () => {
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('#room button, #room input, #room table, #room [role=img]')]
      .filter((element) => element.offsetParent !== null)
      .filter((element) => !(element.labels?.length || element.getAttribute('aria-label') || element.textContent.trim()))
      .map((element) => element.outerHTML),
  );
  assert.deepEqual(nameless, []);
  const tabbed = await page.evaluate(() => [...document.querySelectorAll('[tabindex]')].filter((element) => element.tabIndex > 0).length);
  assert.equal(tabbed, 0);
  const motion = await page.evaluate(() => getComputedStyle(document.querySelector('#hold')).transitionDuration);
  assert.equal(motion, '0s');
});

test('updating can be held', async () => {
  await page.getByRole('button', { name: 'Pause updating' }).click();
  let asked = 0;
  const count = (request) => (asked += request.url().endsWith('/overview') ? 1 : 0);
  await page.waitForTimeout(500); // one may be on its way
  page.on('request', count);
  await page.waitForTimeout(3500);
  assert.equal(asked, 0);
  await page.getByRole('button', { name: 'Go on updating' }).click();
  await page.waitForRequest(/overview$/);
  page.off('request', count);
});

test('it fits a phone, and logs out', async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  await page.waitForTimeout(300);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
  await screenshot('phone');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
});

test('rates come from the counters of heartbeats, and a restart is no rate', () => {
  const pool = (seconds, done, counts) => ({
    name: 'p',
    transcoders: [{ worker: 'w', late: false, time: new Date(seconds * 1000).toISOString(), done, job_counts: counts, job_bounds_us: [1e6, 2e6] }],
  });
  assert.deepEqual(rateOf(pool(0, 100, [90, 10, 0])), { perSecond: null, p95: null });
  // Twenty more, nineteen of them within a second: 95 % of them lie right at its end.
  assert.deepEqual(rateOf(pool(4, 120, [109, 11, 0])), { perSecond: 5, p95: 1 });
  assert.deepEqual(rateOf(pool(4, 120, [109, 11, 0])), { perSecond: 5, p95: 1 });
  assert.deepEqual(rateOf(pool(8, 1, [1, 0, 0])), { perSecond: null, p95: null });
  assert.deepEqual(rateOf(pool(12, 1, [1, 0, 0])), { perSecond: 0, p95: null });
});

test('a quantile is looked for in the buckets, as Prometheus does', () => {
  assert.equal(quantile(0.95, [1e6, 2e6], []), null);
  assert.equal(quantile(0.95, [1e6, 2e6], [0, 0, 0]), null);
  assert.equal(quantile(0.5, [1e6, 2e6], [10, 0, 0]), 0.5);
  assert.equal(quantile(0.5, [1e6, 2e6], [0, 10, 0]), 1.5);
  assert.equal(quantile(0.95, [1e6, 2e6], [0, 0, 3]), 2); // more than can be told
});

test('a plot keeps the lines of its pools when another one comes', () => {
  const data = [[10, 11], [1, 2]];
  assert.deepEqual(alignLines(data, ['fast'], ['bulk', 'fast']), [[10, 11], [null, null], [1, 2]]);
  assert.deepEqual(alignLines([[]], [], ['fast', 'bulk']), [[], [], []]);
});

test('the browser had nothing to complain about', () => assert.deepEqual(complaints, []));
