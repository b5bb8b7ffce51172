// The helper for pages, with a media as the API answers it: node --test samples/snippets/media.test.mjs
import assert from 'node:assert/strict';
import test from 'node:test';

import { MediaCache, expiresAt, pictureMarkup, source, srcset } from './safelight-media.mjs';

const BASE = 'https://media.example/m/0193a5e0-7c1b-7abc-8def-0123456789ab/1';
const END = '2026-11-26T00:00:00Z';

function variant(name, format, width, height, extra = {}) {
  const url = `${BASE}/${name}.${format === 'jpeg' ? 'jpg' : format}?e=1&k=k&s=s`;
  return { name, format, width, height, bytes: 1000, state: 'ready', url, expires_at: END, ...extra };
}

const media = {
  id: '0193a5e0-7c1b-7abc-8def-0123456789ab',
  width: 4000,
  height: 3000,
  alt: 'a "red" <boat> & sail',
  variants: [
    variant('w1280', 'jpeg', 1280, 960),
    variant('square', 'jpeg', 160, 160),
    variant('w320', 'jpeg', 320, 240),
    variant('w640', 'jpeg', 640, 480),
    variant('w640', 'webp', 640, 480),
    variant('w320', 'webp', 320, 240),
    variant('w640', 'avif', 640, 480, { state: 'pending', url: null }),
  ],
};

test('a srcset rises in width and leaves out what cannot be shown', () => {
  assert.equal(srcset(media, 'webp'), `${BASE}/w320.webp?e=1&k=k&s=s 320w, ${BASE}/w640.webp?e=1&k=k&s=s 640w`);
  assert.deepEqual(srcset(media, 'jpeg').match(/\d+w/g), ['320w', '640w', '1280w']);
  assert.equal(srcset(media, 'avif'), '');
  assert.equal(srcset({}, 'jpeg'), '');
});

test('a source is the narrowest that is wide enough', () => {
  assert.match(source(media, 320), /w320\.jpg/);
  assert.match(source(media, 321), /w640\.jpg/);
  assert.match(source(media, 5000), /w1280\.jpg/);
  assert.match(source(media, 1, 'webp'), /w320\.webp/);
  assert.equal(source(media, 1, 'avif'), undefined);
});

test('a picture has its sources, its size and escaped words', () => {
  const markup = pictureMarkup(media, '(max-width: 600px) 100vw, 600px');
  assert.equal(markup.match(/<source /g).length, 1);
  assert.match(markup, /<source type="image\/webp" srcset="[^"]+w640\.webp\?e=1&#38;k=k&#38;s=s 640w" sizes="\(max-width/);
  assert.match(markup, / width="4000" height="3000" alt="a &#34;red&#34; &#60;boat&#62; &#38; sail" loading="lazy"/);
  assert.match(markup, /<img src="[^"]*w640\.jpg/);
  assert.equal(pictureMarkup({ variants: [] }), '');
});

test('nothing of a media gets out of its attribute', () => {
  const evil = { width: '1" onload="x', height: 1, alt: '"><script>', variants: [variant('w640', 'jpeg', 640, 480, { url: '"><script>x' })] };
  assert.doesNotMatch(pictureMarkup(evil, '"><b>'), /<script|<b>|" onload/);
});

test('the first end counts', () => {
  assert.equal(expiresAt(media), Date.parse(END));
  assert.equal(expiresAt({ variants: [variant('w1', 'jpeg', 1, 1, { expires_at: null })] }), Infinity);
});

test('a cache asks once, and again when a URL is about to end', async () => {
  let now = Date.parse(END) - 3600_000;
  let asked = 0;
  const cache = new MediaCache(async () => ({ ...media, asked: ++asked }), () => now);
  const answers = await Promise.all([cache.get('a'), cache.get('a'), cache.get('a')]);
  assert.deepEqual(answers.map((answer) => answer.asked), [1, 1, 1]);
  await cache.get('b');
  assert.equal(asked, 2);
  now = Date.parse(END) - 60_001;
  assert.equal((await cache.get('a')).asked, 1);
  now = Date.parse(END) - 60_000;
  // What the API answers holds no longer (its clock stands still here), but it was asked once for both.
  const again = await Promise.all([cache.get('a'), cache.get('b')]);
  assert.deepEqual(again.map((answer) => answer.asked), [3, 4]);
  cache.drop('a');
  assert.equal((await cache.get('a')).asked, 5);
});

test('a failure is not kept', async () => {
  let asked = 0;
  const cache = new MediaCache(async () => {
    if (++asked === 1) throw new Error('away');
    return media;
  }, () => 0);
  await assert.rejects(cache.get('a'), /away/);
  assert.equal(await cache.get('a'), media);
  assert.equal(asked, 2);
});
