// Uploads with the clients that people have: tus-js-client in Node, Uppy's S3 plugin (this major version and the one
// before) in Chromium. What arrives is a photo with a long tail of noise whose SHA-256 was declared, so "ready" says that
// every byte is in its place.
//
// SAFELIGHT_URL    where the edge answers (required)
// SAFELIGHT_STACK  deploy/local/stack.sh, for the test that kills ingest (skipped without)
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import * as tus from 'tus-js-client';

const URL_BASE = process.env.SAFELIGHT_URL;
const READY_MS = 60_000;
const MIB = 1024 * 1024;
let token, photo, browser, page;

before(async () => {
  assert.ok(URL_BASE, 'SAFELIGHT_URL has to name the running stack');
  photo = await readFile(new URL('../../samples/photos/tide.jpg', import.meta.url));
  const body = { email: `upload-${randomBytes(8).toString('hex')}@example.org`, password: randomBytes(18).toString('base64url') };
  token = (await call('POST', '/v1/auth/signup', body)).access_token;
});

after(async () => {
  await browser?.close();
});

async function call(method, path, body) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(URL_BASE + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

/* A decoder stops at the end of the picture; what follows only has to arrive. */
function makeFile(bytes) {
  const data = Buffer.concat([photo, randomBytes(Math.max(bytes - photo.length, 16))]);
  return { data, sha256: createHash('sha256').update(data).digest('hex') };
}

async function awaitReady(id, size) {
  for (const end = Date.now() + READY_MS; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const media = await call('GET', `/v1/media/${id}`);
    if (media.state === 'ready') {
      assert.equal(media.size, size);
      return media;
    }
    assert.ok(!['rejected', 'failed', 'expired'].includes(media.state), JSON.stringify(media.reason));
    assert.ok(Date.now() < end, `still ${media.state}`);
  }
}

// ---- tus-js-client --------------------------------------------------------------------------------------------------

const idOf = (url) => new URL(url).pathname.split('/').at(-1);

function sendByTus({ data, sha256 }, options, onProgress) {
  let upload;
  const done = new Promise((resolve, reject) => {
    upload = new tus.Upload(data, {
      endpoint: `${URL_BASE}/files`,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: 'tide.jpg', filetype: 'image/jpeg', sha256 },
      retryDelays: [200, 500, 1000, 2000, 3000, 5000, 5000],
      onProgress: (sent) => onProgress?.(sent, upload),
      onError: reject,
      onSuccess: () => resolve(upload.url),
      ...options,
    });
  });
  upload.start();
  return { upload, done };
}

async function awaitTus(url, file) {
  const { media_id } = await call('GET', `/v1/uploads/${idOf(url)}`);
  await awaitReady(media_id, file.data.length);
}

test('tus-js-client sends a photo', async () => {
  const file = makeFile(0);
  await awaitTus(await sendByTus(file).done, file);
});

test('tus-js-client sends the bytes with the creation', async () => {
  const file = makeFile(0);
  await awaitTus(await sendByTus(file, { uploadDataDuringCreation: true }).done, file);
});

test('tus-js-client sends chunks smaller than a part', async () => {
  const file = makeFile(3 * MIB);
  await awaitTus(await sendByTus(file, { chunkSize: 700_000 }).done, file);
});

test('tus-js-client goes on where another one was stopped', async () => {
  const file = makeFile(20 * MIB);
  const url = await new Promise((resolve, reject) => {
    let isStopped = false;
    const { done } = sendByTus(file, { retryDelays: null }, (sent, upload) => {
      if (sent < 9 * MIB || isStopped) return;
      isStopped = true;
      upload.abort().then(() => resolve(upload.url), reject);
    });
    done.catch(reject);
  });
  await awaitTus(await sendByTus(file, { uploadUrl: url }).done, file);
});

test('tus-js-client lives through a kill of ingest', { skip: !process.env.SAFELIGHT_STACK && 'no SAFELIGHT_STACK' }, async () => {
  const file = makeFile(20 * MIB);
  let isKilled = false;
  const { done } = sendByTus(file, {}, (sent) => {
    if (sent < 10 * MIB || isKilled) return;
    isKilled = true;
    for (const command of ['kill', 'restart', 'wait']) {
      const { status, stderr } = spawnSync(process.env.SAFELIGHT_STACK, [command, 'ingest'], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    }
  });
  await awaitTus(await done, file);
  assert.ok(isKilled);
});

// ---- Uppy -----------------------------------------------------------------------------------------------------------

/* One script with both plugins of that version as a global. */
async function bundle(core, plugin, name) {
  const { outputFiles } = await build({
    stdin: {
      contents: `import Uppy from '${core}'; import AwsS3 from '${plugin}'; globalThis.${name} = { Uppy, AwsS3 };`,
      resolveDir: new URL('.', import.meta.url).pathname,
    },
    alias: { '@uppy/core': core },
    bundle: true,
    format: 'iife',
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

async function openPage() {
  if (page) return page;
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const context = await browser.newContext({ bypassCSP: true });
  page = await context.newPage();
  await page.goto(`${URL_BASE}/`);
  await page.addScriptTag({ content: await bundle('@uppy/core', '@uppy/aws-s3', 'uppy6') });
  await page.addScriptTag({ content: await bundle('uppy-core-5', 'uppy-aws-s3-5', 'uppy5') });
  await page.evaluate(setUpPage, token);
  return page;
}

/* Runs in the page. */
function setUpPage(token) {
  const authorization = `Bearer ${token}`;
  // Up from 6 Companion's calls carry no headers of the page's: whoever has bearer tokens wraps fetch.
  const plainFetch = globalThis.fetch;
  globalThis.fetch = (input, init = {}) => {
    const isOurs = new URL(input, location.href).pathname.startsWith('/s3/');
    return plainFetch(input, isOurs ? { ...init, headers: { ...init.headers, authorization } } : init);
  };
  const sign = (uppy) => async (request) => {
    const file = uppy.getFiles()[0];
    const response = await fetch('/sign', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ ...request, filename: file.name, type: file.type, size: file.size }),
    });
    if (!response.ok) throw Object.assign(new Error(await response.text()), { status: response.status });
    return response.json();
  };
  const ways = {
    'uppy6 sign': (uppy) => ({ signRequest: sign(uppy) }),
    'uppy6 companion': () => ({ companionEndpoint: location.origin }),
    'uppy5 companion': () => ({ endpoint: location.origin, headers: { authorization } }),
  };
  globalThis.sendByUppy = async ({ way, multipart, bytes }) => {
    const { Uppy, AwsS3 } = globalThis[way.split(' ')[0]];
    const uppy = new Uppy();
    uppy.use(AwsS3, { ...ways[way](uppy), shouldUseMultipart: multipart, limit: 2 });
    const more = way.startsWith('uppy5') ? { method: 'PUT' } : {};
    uppy.on('file-added', (file) => uppy.setFileMeta(file.id, { size: file.size, ...more }));
    const data = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
    uppy.addFile({ name: 'Tide ~ 1.jpg', type: 'image/jpeg', data: new File([data], 'Tide ~ 1.jpg', { type: 'image/jpeg' }) });
    const { successful, failed } = await uppy.upload();
    if (failed.length > 0) throw new Error(String(failed[0].error));
    return successful[0].response?.body?.key ?? decodeURIComponent(successful[0].uploadURL);
  };
}

for (const way of ['uppy6 sign', 'uppy6 companion', 'uppy5 companion']) {
  for (const multipart of [false, true]) {
    test(`${way} sends a file ${multipart ? 'in parts' : 'whole'}`, async () => {
      const file = makeFile(multipart ? 11 * MIB : 0);
      const where = await (await openPage()).evaluate((what) => globalThis.sendByUppy(what), {
        way,
        multipart,
        bytes: file.data.toString('base64'),
      });
      // The key begins with the media's id.
      const id = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(where)?.[0];
      assert.ok(id, where);
      const media = await awaitReady(id, file.data.length);
      assert.equal(media.sha256, file.sha256);
      assert.equal(media.filename, 'Tide ~ 1.jpg');
    });
  }
}

test('what Companion refuses, and how', async () => {
  const authorization = `Bearer ${token}`;
  const cases = [
    ['GET', '/s3/params?type=image/jpeg&metadata[size]=5', 400, /filename/],
    ['GET', '/s3/params?filename=a.jpg&type=image/jpeg', 400, /size/],
    ['GET', '/s3/params?filename=a.jpg&type=nonsense&metadata[size]=5', 415, /media type/],
    ['GET', '/s3/multipart/abc/1', 400, /object key/],
    ['GET', '/s3/multipart/abc/10001?key=x', 400, /part number/],
    ['GET', '/s3/multipart/abc?key=x', 404, /no such upload/],
    ['DELETE', '/s3/multipart/abc?key=x', 404, /no such upload/],
  ];
  for (const [method, path, status, pattern] of cases) {
    const response = await fetch(URL_BASE + path, { method, headers: { authorization } });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.match((await response.json()).error, pattern);
  }
  assert.equal((await fetch(`${URL_BASE}/s3/params?filename=a&metadata[size]=1`)).status, 401);
});
