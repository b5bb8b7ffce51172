// Walks through the sample gallery in a real Chromium against a running stack, as a person would:
// sign up, send photos, see them develop, be refused in words, describe, delete, log out. The console has to stay free of errors.
//
// SAFELIGHT_URL    where the edge answers, e.g. http://127.0.0.1:8080 (required)
// SCREENSHOT_DIR   where to put screenshots (optional)
// CHROMIUM         the browser (default /usr/bin/chromium)
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const PHOTOS = fileURLToPath(new URL('../../samples/photos/', import.meta.url));
const DEVELOP_MS = 60_000;
const FLAGS = [
  ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ['--disable-background-networking', '--disable-component-update', '--disable-sync'],
].flat();

const email = `browser-${randomBytes(8).toString('hex')}@example.org`;
const password = randomBytes(18).toString('base64url');
const complaints = []; // console errors and uncaught exceptions that no step expects
let refusalExpected = false; // while true, a 4xx from the upload calls is no complaint
let profile, context, page;

before(async () => {
  assert.ok(process.env.SAFELIGHT_URL, 'SAFELIGHT_URL has to name the running stack, e.g. http://127.0.0.1:8080');
  profile = await mkdtemp(join(tmpdir(), 'safelight-browser-'));
  context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    viewport: { width: 1200, height: 900 },
  });
  context.setDefaultTimeout(15_000);
  await context.addInitScript(recordStages);
  page = context.pages()[0] ?? (await context.newPage());
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error}`));
  page.on('console', (message) => {
    if (message.type() !== 'error' || isExpectedRefusal(message)) return;
    complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
});

after(async () => {
  await context?.close();
  if (profile) await rm(profile, { recursive: true, force: true });
});

/* Chromium itself writes a line to the console for every answer from 400 up, also when the page handles it. */
function isExpectedRefusal(message) {
  const uploadCall = /\/v1\/uploads(\/[^/]+\/complete)?$/.test(message.location().url);
  return refusalExpected && uploadCall && /status of 4\d\d/.test(message.text());
}

/* Runs in the page: notes every stage that a tile goes through, so that a fast server cannot hide one from the test. */
function recordStages() {
  window.stagesOf = new WeakMap();
  const note = (element) => {
    const stages = window.stagesOf.get(element) ?? [];
    if (stages.at(-1) !== element.dataset.stage) stages.push(element.dataset.stage);
    window.stagesOf.set(element, stages);
  };
  new MutationObserver((records) => {
    for (const { type, target, oldValue, addedNodes } of records) {
      if (type === 'attributes' && target.matches('.tile')) {
        const stages = window.stagesOf.get(target) ?? [];
        if (stages.at(-1) !== oldValue) stages.push(oldValue);
        window.stagesOf.set(target, stages);
        note(target);
      }
      for (const node of addedNodes) if (node.matches?.('.tile')) note(node);
    }
  }).observe(document, { subtree: true, childList: true, attributeFilter: ['data-stage'], attributeOldValue: true });
}

const tileOf = (name) => page.locator('.tile').filter({ has: page.locator('.name', { hasText: name }) });

async function waitForStage(name, stages) {
  const pattern = stages.map((stage) => `[data-stage="${stage}"]`).join(', ');
  await tileOf(name).and(page.locator(pattern)).waitFor({ timeout: DEVELOP_MS });
}

async function screenshot(name) {
  if (!process.env.SCREENSHOT_DIR) return;
  await mkdir(process.env.SCREENSHOT_DIR, { recursive: true });
  await page.screenshot({ path: join(process.env.SCREENSHOT_DIR, `gallery-${name}.png`) });
}

/* What the tile holds: the size of the painted placeholder, thumbnail and picture in pixels, and how it came to be. */
function inspect(name) {
  return tileOf(name).evaluate((tile) => {
    const canvas = tile.querySelector('.placeholder');
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const size = (image) => [image.naturalWidth, image.naturalHeight];
    return {
      stages: window.stagesOf.get(tile),
      placeholder: [canvas.width, canvas.height],
      painted: pixels.some((value) => value > 0),
      thumbnail: size(tile.querySelector('.thumbnail')),
      picture: size(tile.querySelector('.picture img')),
      status: tile.querySelector('.status').textContent,
    };
  });
}

function assertDeveloped(seen) {
  const order = ['placeholder', 'thumbnail', 'picture'];
  assert.deepEqual(seen.stages.filter((stage) => order.includes(stage)), order, `stages were ${seen.stages}`);
  assert.ok(seen.painted && seen.placeholder[0] > 1, 'the placeholder was painted');
  assert.deepEqual(seen.thumbnail, [160, 160]);
  assert.ok(seen.picture[0] > 0, `the picture is ${seen.picture}`);
}

test('the page opens with the log-in form and its security policy', async () => {
  const response = await page.goto(new URL('/', process.env.SAFELIGHT_URL).href);
  assert.equal(response.status(), 200);
  const policy = response.headers()['content-security-policy'] ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  await page.getByRole('heading', { name: 'Come in' }).waitFor();
});

test('a new account opens the empty gallery', async () => {
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('No photos yet').waitFor();
  assert.equal(await page.locator('#who').textContent(), email);
  await screenshot('empty');
});

test('a photo develops: placeholder, thumbnail, picture', async () => {
  await page.getByLabel('Choose photos').setInputFiles(join(PHOTOS, 'ridges.jpg'));
  await waitForStage('ridges.jpg', ['picture']);
  const seen = await inspect('ridges.jpg');
  assertDeveloped(seen);
  assert.ok(seen.picture[0] > seen.picture[1], 'a landscape stays a landscape');
  assert.equal(seen.status, '2400 × 1600');
});

test('several at once; a photo that lies on its side comes out upright', async () => {
  const names = ['dunes-exif6.jpg', 'aurora.webp', 'iris.png'];
  await page.getByLabel('Choose photos').setInputFiles(names.map((name) => join(PHOTOS, name)));
  for (const name of names) {
    await waitForStage(name, ['picture']);
    assertDeveloped(await inspect(name));
  }
  const seen = await inspect('dunes-exif6.jpg');
  assert.ok(seen.picture[1] > seen.picture[0], `upright is a portrait, not ${seen.picture}`);
  assert.equal(seen.status, '1200 × 1600');
});

test('text that calls itself a photo is refused in words', async () => {
  refusalExpected = true;
  const buffer = Buffer.from('This is a letter, not a photo.\n'.repeat(40));
  await page.getByLabel('Choose photos').setInputFiles({ name: 'letter.jpg', mimeType: 'image/jpeg', buffer });
  await waitForStage('letter.jpg', ['stopped', 'broken']);
  const reason = await tileOf('letter.jpg').locator('.reason').textContent();
  assert.ok(reason.trim().split(/\s+/).length >= 4 && !/[{<]/.test(reason), `words for people, not "${reason}"`);
  refusalExpected = false;
  await screenshot('sheet');
});

test('a file that is no picture is kept and listed with its icon class and size', async () => {
  const buffer = Buffer.from('from,to,kilometres\n'.repeat(100));
  await page.getByLabel('Choose photos').setInputFiles({ name: 'trips.csv', mimeType: 'text/csv', buffer });
  await waitForStage('trips.csv', ['plain']);
  const shown = await tileOf('trips.csv').locator('.frame').evaluate((frame) => getComputedStyle(frame, '::after').content);
  assert.equal(shown, '"spreadsheet"');
  assert.equal((await inspect('trips.csv')).status, '1.9 kB');
});

test('a reload stays logged in and shows the photos again', async () => {
  await page.reload();
  await waitForStage('ridges.jpg', ['picture']);
  await waitForStage('dunes-exif6.jpg', ['picture']);
  assert.equal(await page.locator('#who').textContent(), email);
});

test('the large view shows facts and sizes, and keeps a description', async () => {
  const alt = 'Ridge after ridge in the morning mist';
  await tileOf('ridges.jpg').getByRole('button', { name: 'Open ridges.jpg' }).click();
  const dialog = page.getByRole('dialog', { name: 'ridges.jpg' });
  await dialog.getByText('2400 × 1600').first().waitFor();
  const image = dialog.locator('picture img');
  await image.evaluate((element) => element.decode());
  assert.ok((await image.evaluate((element) => element.naturalWidth)) > 0);
  assert.ok((await dialog.locator('tbody tr').count()) >= 4, 'the sizes are listed');
  await dialog.getByLabel('Description').fill(alt);
  await dialog.getByRole('button', { name: 'Save description' }).click();
  await dialog.getByText('Saved.').waitFor();
  assert.equal(await image.getAttribute('alt'), alt);
  await screenshot('large');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await tileOf('ridges.jpg').getByRole('button', { name: `Open ${alt}` }).waitFor();
});

test('deleting asks first, then the photo is gone for good', async () => {
  await tileOf('ridges.jpg').getByRole('button', { name: 'Open' }).click();
  const dialog = page.getByRole('dialog', { name: 'ridges.jpg' });
  await dialog.getByRole('button', { name: 'Delete photo' }).click();
  await dialog.getByRole('button', { name: 'Keep' }).click();
  assert.equal(await tileOf('ridges.jpg').count(), 1);
  await dialog.getByRole('button', { name: 'Delete photo' }).click();
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await tileOf('ridges.jpg').waitFor({ state: 'detached' });
  await page.reload();
  await waitForStage('dunes-exif6.jpg', ['picture']);
  assert.equal(await tileOf('ridges.jpg').count(), 0);
});

test('it fits a phone without sideways scrolling', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels too wide`);
  await screenshot('phone');
  await page.setViewportSize({ width: 1200, height: 900 });
});

test('logging out forgets the session', async () => {
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Come in' }).waitFor();
  assert.equal(await page.locator('.tile').count(), 0);
  assert.equal(await page.evaluate(() => sessionStorage.getItem('safelight.session')), null);
  await page.reload();
  await page.getByRole('heading', { name: 'Come in' }).waitFor();
});

test('the console stayed free of errors', () => {
  assert.deepEqual(complaints, []);
});
