// What a running stack answers, held against the contract: every operation at least once with success, and the usual
// refusals. A status, header, field or problem that docs/openapi.yaml does not have fails the call that met it.
//
// SAFELIGHT_URL     where the edge answers
// SAFELIGHT_CONFIG  the stack's configuration: the services' own ports, the hook's token
// BUILD_DIR         where safelightctl and contract/openapi.json were built (default: build)
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { BUILD_DIR, Contract, follow, readContract } from './contract.mjs';

const EDGE = process.env.SAFELIGHT_URL;
const CONFIG = process.env.SAFELIGHT_CONFIG;
const READY_MS = 60_000;
const MIB = 1024 * 1024;

// Operations that this stack cannot bring to succeed, and why.
const NEVER_WELL = {
  logInExternally: 'no identity provider is configured here; test_api_accounts_external.c has one',
};

let contract, settings, photo, user, other, admin;

before(async () => {
  assert.ok(EDGE && CONFIG, 'SAFELIGHT_URL and SAFELIGHT_CONFIG have to name the running stack');
  contract = new Contract(await readContract());
  settings = readSettings(await readFile(CONFIG, 'utf8'));
  photo = await readFile(new URL('../../samples/photos/tide.jpg', import.meta.url));
  user = await signUp();
  other = await signUp();
  admin = await signUp();
  safelightctl('user', 'make-admin', admin.email);
  admin = (await call('POST', '/v1/auth/login', { who: null, json: { email: admin.email, password: admin.password }, expect: 200 })).json;
});

function safelightctl(...words) {
  const { status, stderr } = spawnSync(fileURLToPath(new URL('bin/safelightctl', BUILD_DIR)), ['--config', CONFIG, ...words], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function readSettings(text) {
  const found = {};
  let section = '';
  for (const line of text.split('\n')) {
    const [, name] = line.match(/^\[(\w+)\]/) ?? [];
    const [, key, value] = line.match(/^(\w+) *= *(.*)$/) ?? [];
    if (name) section = name;
    if (key) found[`${section}.${key}`] = value;
  }
  return found;
}

/* Call, and judge the answer; {status, headers, json, text}. who: an account, or null for nobody. */
async function call(method, path, { who = user, json, body, headers = {}, base = EDGE, expect } = {}) {
  const url = new URL(path, base);
  const sent = { ...headers };
  if (who) sent.authorization ??= `Bearer ${who.access_token}`;
  if (json !== undefined) {
    body = typeof json === 'string' ? json : JSON.stringify(json);
    sent['content-type'] ??= 'application/json';
  }
  const response = await fetch(url, { method, headers: sent, body, redirect: 'manual' });
  const text = await response.text();
  const answer = { status: response.status, headers: Object.fromEntries(response.headers), text };
  if (expect !== undefined) assert.equal(answer.status, expect, `${method} ${path}: ${text.slice(0, 500)}`);
  answer.json = contract.check({ ...answer, method, url, body, contentType: sent['content-type'] });
  return answer;
}

const get = (path, options) => call('GET', path, { expect: 200, ...options });

async function signUp() {
  const password = randomBytes(12).toString('base64url');
  const email = `contract-${randomBytes(8).toString('hex')}@example.org`;
  const { json } = await call('POST', '/v1/auth/signup', { who: null, json: { email, password, name: 'Contract', device: 'test' }, expect: 201 });
  return { ...json, email, password };
}

async function put({ url, headers, method }, bytes) {
  const response = await fetch(url, { method, headers, body: bytes });
  assert.ok(response.ok, `PUT: ${response.status} ${await response.text()}`);
  return response.headers.get('etag');
}

/* A decoder stops at the end of the picture; the tail makes it another file. */
const makePhoto = (bytes = 0) => Buffer.concat([photo, randomBytes(Math.max(16, bytes - photo.length))]);
const describe = (bytes) => ({ filename: 'tide.jpg', content_type: 'image/jpeg', size: bytes.length });

async function upload(bytes, more = {}) {
  const { json: begun } = await call('POST', '/v1/uploads', { json: { ...describe(bytes), ...more }, expect: 201 });
  await put(begun, bytes);
  await call('POST', `/v1/uploads/${begun.upload_id}/complete`, { expect: 202 });
  return begun;
}

async function awaitReady(id) {
  for (const end = Date.now() + READY_MS; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    const { json } = await get(`/v1/media/${id}`);
    if (json.state === 'ready') return json;
    assert.ok(!['rejected', 'failed'].includes(json.state) && Date.now() < end, `${json.state} ${JSON.stringify(json.reason)}`);
  }
}

/* Read again with the answer's ETag. */
async function getUnchanged(path, options) {
  const { headers } = await get(path, options);
  await call('GET', path, { ...options, headers: { 'if-none-match': headers.etag }, expect: 304 });
}

const item = {};
const media = {};

test('accounts: sessions, refreshing, the account', async () => {
  const { email, password } = user;
  const second = (await call('POST', '/v1/auth/login', { who: null, json: { email, password, device: null }, expect: 200 })).json;
  const { json: third } = await call('POST', '/v1/auth/refresh', { who: null, json: { refresh_token: second.refresh_token }, expect: 200 });
  const { json: sessions } = await get('/v1/auth/sessions?limit=1');
  assert.equal(sessions.items.length, 1);
  await get(`/v1/auth/sessions?cursor=${sessions.next_cursor}`);
  await call('DELETE', `/v1/auth/sessions/${sessions.items[0].id}`, { expect: 204 });
  await call('POST', '/v1/auth/logout', { who: null, json: { refresh_token: third.refresh_token }, expect: 204 });
  await call('POST', '/v1/auth/refresh', { who: null, json: { refresh_token: third.refresh_token }, expect: 401 });
  await getUnchanged('/v1/me');
  await call('PATCH', '/v1/me', { json: { name: 'Somebody', keep_positions: true }, expect: 200 });
  await get('/v1/me/usage');
  await call('POST', '/v1/auth/external', { who: null, json: { token: 'x' }, expect: 404 });
});

test('accounts: devices', async () => {
  const json = { platform: 'fcm', token: randomUUID(), name: 'phone' };
  const headers = { 'idempotency-key': `"${randomUUID()}"` };
  const { json: device } = await call('POST', '/v1/devices', { json, headers, expect: 201 });
  const again = await call('POST', '/v1/devices', { json, headers, expect: 201 });
  assert.equal(again.headers['idempotency-replayed'], 'true');
  await call('POST', '/v1/devices', { json: { ...json, name: 'other' }, headers, expect: 422 });
  await call('POST', '/v1/devices', { json, expect: 200 });
  await get('/v1/devices');
  await call('DELETE', `/v1/devices/${device.id}`, { expect: 204 });
  await call('DELETE', `/v1/devices/${device.id}`, { expect: 404 });
});

test('webhooks, before there is something to tell', async () => {
  const headers = { 'idempotency-key': `"${randomUUID()}"` };
  const json = { url: 'https://hooks.invalid/', description: 'nobody', events: [] };
  const { json: webhook } = await call('POST', '/v1/webhooks', { json, headers, expect: 201 });
  await call('POST', '/v1/webhooks', { json, headers, expect: 409 });
  await get('/v1/webhooks');
  await call('PATCH', `/v1/webhooks/${webhook.id}`, { json: { description: 'still nobody', enabled: true }, expect: 200 });
  await call('POST', `/v1/webhooks/${webhook.id}/secret`, { expect: 200 });
  item.webhook = webhook.id;
});

test('uploads: one PUT, twice the same, given up', async () => {
  const bytes = makePhoto();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const key = { 'idempotency-key': `"${randomUUID()}"` };
  const { json: begun } = await call('POST', '/v1/uploads', { json: { ...describe(bytes), sha256, alt: 'Tide', captured_at: '2026-01-02T03:04:05Z', visibility: 'private' }, headers: key, expect: 201 });
  await call('POST', '/v1/uploads', { json: { ...describe(bytes), size: 1 }, headers: key, expect: 422 });
  await get(`/v1/uploads/${begun.upload_id}`);
  await call('POST', `/v1/uploads/${begun.upload_id}/complete`, { json: {}, expect: 409 });
  await call('POST', `/v1/uploads/${begun.upload_id}/parts`, { json: { numbers: [1] }, expect: 409 });
  await put(begun, bytes);
  await call('POST', `/v1/uploads/${begun.upload_id}/complete`, { json: {}, expect: 202 });
  await get(`/v1/uploads/${begun.upload_id}`);
  await awaitReady(begun.media_id);
  await call('POST', '/v1/uploads', { json: { ...describe(bytes), sha256 }, expect: 200 });
  await call('DELETE', `/v1/uploads/${begun.upload_id}`, { expect: 409 });
  media.first = begun.media_id;
  const { json: idle } = await call('POST', '/v1/uploads', { json: describe(bytes), expect: 201 });
  await call('DELETE', `/v1/uploads/${idle.upload_id}`, { expect: 204 });
  await get(`/v1/uploads/${idle.upload_id}`);
});

test('uploads: in parts, and many at once', async () => {
  const bytes = makePhoto(6 * MIB);
  const { json: begun } = await call('POST', '/v1/uploads', { json: { ...describe(bytes), multipart: true }, expect: 201 });
  const { part_size: size, parts: count } = begun.multipart;
  const { json: { urls } } = await call('POST', `/v1/uploads/${begun.upload_id}/parts`, { json: { numbers: Array.from({ length: count }, (_, at) => at + 1) }, expect: 200 });
  await call('POST', `/v1/uploads/${begun.upload_id}/parts`, { json: { parts: [{ number: 1, content_md5: null }] }, expect: 200 });
  const parts = [];
  for (const one of urls) {
    parts.push({ number: one.number, etag: await put(one, bytes.subarray((one.number - 1) * size, one.number * size)) });
    await get(`/v1/uploads/${begun.upload_id}`);
  }
  await call('POST', `/v1/uploads/${begun.upload_id}/complete`, { json: { parts: [{ number: 1, etag: '"0"' }] }, expect: 409 });
  await call('POST', `/v1/uploads/${begun.upload_id}/complete`, { json: { parts }, expect: 202 });
  media.second = begun.media_id;
  const { json: { uploads } } = await call('POST', '/v1/uploads/batch', { json: { uploads: [{ filename: 'note.txt', content_type: 'text/plain', size: 3 }, { ...describe(bytes), multipart: true }] }, expect: 201 });
  for (const one of uploads) await call('DELETE', `/v1/uploads/${one.upload_id}`, { expect: 204 });
});

test('media: states, lists, changes, the edge', async () => {
  const first = await awaitReady(media.first);
  await awaitReady(media.second);
  assert.ok(first.variants.length > 3 && first.srcset.webp, 'variants are judged');
  await getUnchanged(`/v1/media/${media.first}`);
  await getUnchanged('/v1/media?limit=1');
  const { json: page } = await get('/v1/media?limit=1&state=ready&kind=photo');
  await get(`/v1/media?limit=1&state=ready&kind=photo&cursor=${page.next_cursor}`);
  const { json: alike } = await get(`/v1/media/${media.first}/similar?distance=3`);
  assert.ok(alike.items.length > 0, 'similar media are judged');
  const { json: changed } = await call('PATCH', `/v1/media/${media.second}`, { json: { alt: 'Sea', visibility: 'private' }, expect: 200 });
  await call('PATCH', `/v1/media/${media.second}`, { json: { alt: 'Sky' }, headers: { 'if-match': `"${changed.version - 1}"` }, expect: 412 });
  await call('PATCH', `/v1/media/${media.second}`, { json: { alt: 'Sky' }, headers: { 'if-match': 'x' }, expect: 400 });
  await call('PATCH', `/v1/media/${media.second}`, { json: { item_id: randomUUID() }, expect: 409 });
  await call('POST', `/v1/media/${media.second}/reprocess`, { expect: 202 });
  const { url } = first.variants.find((one) => one.state === 'ready');
  await get(url, { who: null });
  await get(url, { who: null, headers: { range: 'bytes=0-9' }, expect: 206 });
  await get(url.replace(/([?&]s=).{4}/, '$1AAAA'), { who: null, expect: 403 });
  const { json: original } = await get(`/v1/media/${media.first}/original`);
  await get(original.url, { who: null });
  await get(url.replace(/([?&]e=)\d+/, '$11'), { who: null, expect: 403 });
  await get(original.url.replace(/([?&]s=).{4}/, '$1AAAA'), { who: null, expect: 403 });
});

test('items: made, listed, searched, changed', async () => {
  const { json: made, headers } = await call('POST', '/v1/items', { json: { title: 'Lighthouse', body: 'Keeper', tags: ['sea', 'tide'], visibility: 'private' }, headers: { 'idempotency-key': `"${randomUUID()}"` }, expect: 201 });
  assert.equal(headers['idempotency-replayed'], undefined);
  await call('POST', '/v1/items', { json: {}, expect: 201 });
  item.id = made.id;
  await call('PATCH', `/v1/media/${media.first}`, { json: { item_id: item.id, position: 1, focal_point: { x: 0.2, y: 0.8 } }, expect: 200 });
  const { json: changed } = await call('PATCH', `/v1/items/${item.id}`, { json: { cover_media_id: media.first, title: 'Lighthouse by night' }, expect: 200 });
  assert.equal(changed.media.length, 1);
  await call('PATCH', `/v1/items/${item.id}`, { json: { title: 'x' }, headers: { 'if-match': '"1"' }, expect: 412 });
  await getUnchanged(`/v1/items/${item.id}`);
  await getUnchanged('/v1/items?tag=sea&visibility=private&sort=updated_at&order=asc&limit=1');
  await get(`/v1/media?item_id=${item.id}`);
  const { json: page } = await get('/v1/items?limit=1');
  await get(`/v1/items?limit=1&cursor=${page.next_cursor}`);
  const { json: found } = await get('/v1/search?q=lighthose&tag=sea&kind=photo&limit=1');
  assert.equal(found.items.length, 1, 'search results are judged');
  await call('GET', '/v1/search?q=', { expect: 400 });
});

test('sharing: open, with a password, used up, ended', async () => {
  const path = `/v1/items/${item.id}/shares`;
  const { json: open } = await call('POST', path, { json: { allow_original: true, expires_at: '2099-01-01T00:00:00Z' }, expect: 201 });
  const { json: shown } = await get(`/v1/shared/${open.token}`, { who: null });
  assert.ok(shown.item.media[0].original, 'an original is judged');
  await getUnchanged(`/v1/shared/${open.token}`, { who: null });
  const { json: guarded } = await call('POST', path, { json: { password: 'seashell', max_views: 1 }, expect: 201 });
  await get(`/v1/shared/${guarded.token}`, { who: null, expect: 401 });
  await call('POST', `/v1/shared/${guarded.token}`, { who: null, json: { password: 'pebbles' }, expect: 401 });
  await call('POST', `/v1/shared/${guarded.token}`, { who: null, json: { password: 'seashell' }, expect: 200 });
  await call('POST', `/v1/shared/${guarded.token}`, { who: null, json: { password: 'seashell' }, expect: 403 });
  await get(`${path}?limit=1`);
  await call('DELETE', `${path}/${open.id}`, { expect: 204 });
  await get(`/v1/shared/${open.token}`, { who: null, expect: 403 });
  await get(`/v1/shared/${'x'.repeat(43)}`, { who: null, expect: 404 });
  await call('DELETE', path, { expect: 204 });
  await call('DELETE', `${path}/${randomUUID()}`, { expect: 404 });
});

test('sync: events and changes', async () => {
  const stop = new AbortController();
  const url = new URL('/v1/events', EDGE);
  const response = await fetch(url, { headers: { authorization: `Bearer ${user.access_token}`, 'last-event-id': '1' }, signal: stop.signal });
  contract.check({ method: 'GET', url, status: response.status, headers: Object.fromEntries(response.headers) });
  const { value } = await response.body.getReader().read();
  assert.match(Buffer.from(value).toString(), /^retry: \d+/);
  stop.abort();
  await call('GET', '/v1/events', { headers: { 'last-event-id': 'x' }, expect: 400 });
  const kinds = new Set();
  let since = '';
  for (let pages = 0; pages < 100; pages += 1) {
    const { json: page } = await get(`/v1/changes?limit=2${since}`);
    for (const one of page.items) kinds.add(`${one.kind} ${one.change}`);
    since = `&since=${page.since}`;
    if (page.next_cursor === null) break;
  }
  assert.ok(kinds.has('item created') && kinds.has('media changed'), `${[...kinds]}`);
  await call('GET', '/v1/changes?since=x', { expect: 400 });
});

test('notifications and deliveries', async () => {
  let told = [];
  for (const end = Date.now() + READY_MS; told.length === 0; await new Promise((resolve) => setTimeout(resolve, 200))) {
    told = (await get('/v1/notifications?limit=2')).json.items;
    assert.ok(Date.now() < end, 'nobody was told');
  }
  await call('POST', `/v1/notifications/${told[0].id}/read`, { expect: 204 });
  await call('POST', `/v1/notifications/${randomUUID()}/read`, { expect: 404 });
  await getUnchanged('/v1/notifications?unread=true');
  await call('POST', '/v1/notifications/read', { expect: 204 });
  const path = `/v1/webhooks/${item.webhook}/deliveries`;
  let posted;
  for (const end = Date.now() + READY_MS; !posted; await new Promise((resolve) => setTimeout(resolve, 200))) {
    posted = (await get(path)).json.items.find((one) => one.last_error);
    assert.ok(Date.now() < end, 'nothing was posted');
  }
  await call('POST', `${path}/${posted.id}/retry`, { expect: 202 });
  await call('POST', `${path}/${randomUUID()}/retry`, { expect: 404 });
  await call('DELETE', `/v1/webhooks/${item.webhook}`, { expect: 204 });
  await call('PATCH', `/v1/webhooks/${item.webhook}`, { json: { enabled: false }, expect: 404 });
});

test('audit and export', async () => {
  const { json: audit } = await get('/v1/audit?limit=2&scope=mine');
  await get(`/v1/audit?limit=2&scope=mine&cursor=${audit.next_cursor}`);
  await call('GET', '/v1/audit?scope=all', { expect: 403 });
  let cursor = '';
  const counts = { items: 0, media: 0 };
  for (let pages = 0; pages < 20; pages += 1) {
    const { json: page } = await get(`/v1/me/export?limit=2${cursor}`);
    counts.items += page.items?.length ?? 0;
    counts.media += page.media?.length ?? 0;
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  assert.ok(counts.items >= 2 && counts.media >= 2, JSON.stringify(counts));
});

test('tus: every method', async () => {
  const version = { 'tus-resumable': '1.0.0' };
  const bytes = makePhoto();
  const name = (text) => Buffer.from(text).toString('base64');
  const metadata = { 'upload-metadata': `filename ${name('tide.jpg')},filetype ${name('image/jpeg')}` };
  const begin = (more = {}) => call('POST', '/files', { headers: { ...version, ...metadata, 'upload-length': String(bytes.length), ...more } });
  const type = { 'content-type': 'application/offset+octet-stream' };
  await call('OPTIONS', '/files', { who: null, expect: 204 });
  const { status, headers } = await begin();
  assert.equal(status, 201);
  const path = new URL(headers.location, EDGE).pathname;
  await call('OPTIONS', path, { who: null, expect: 204 });
  await call('HEAD', path, { headers: version, expect: 200 });
  await get(path, { headers: version });
  await call('PATCH', path, { headers: { ...version, ...type, 'upload-offset': '0' }, body: bytes.subarray(0, 1000), expect: 204 });
  await call('PATCH', path, { headers: { ...version, ...type, 'upload-offset': '5' }, body: bytes.subarray(5), expect: 409 });
  await call('PATCH', path, { headers: { ...version, ...type, 'upload-offset': 'x' }, body: bytes.subarray(5), expect: 400 });
  await call('PATCH', path, { headers: { ...version, ...type, 'upload-offset': '1000', 'upload-checksum': `sha1 ${name('x'.repeat(20))}` }, body: bytes.subarray(1000, 2000), expect: 460 });
  await call('PATCH', path, { headers: { ...type, 'upload-offset': '1000' }, body: bytes.subarray(1000), expect: 412 });
  await call('PATCH', path, { headers: { ...version, 'upload-offset': '1000', 'content-type': 'text/plain' }, body: bytes.subarray(1000), expect: 415 });
  await call('POST', path, { headers: { ...version, ...type, 'upload-offset': '1000', 'x-http-method-override': 'PATCH' }, body: bytes.subarray(1000), expect: 204 });
  await call('POST', path, { headers: { ...version, 'x-http-method-override': 'PUT' }, expect: 405 });
  await begin({ 'upload-length': 'x' }).then(({ status: refused }) => assert.equal(refused, 400));
  await begin({ 'upload-length': String(10 ** 15) }).then(({ status: refused }) => assert.equal(refused, 413));
  const second = new URL((await begin()).headers.location, EDGE).pathname;
  await call('DELETE', second, { headers: version, expect: 204 });
  await call('HEAD', `/files/${randomUUID()}`, { headers: version, expect: 404 });
});

test('Uppy: the form, parts, one signature', async () => {
  const bytes = makePhoto();
  const form = { filename: 'tide.jpg', type: 'image/jpeg', 'metadata[size]': String(bytes.length) };
  await get(`/s3/params?${new URLSearchParams(form)}`);
  await get(`/s3/params?${new URLSearchParams({ ...form, 'metadata[method]': 'PUT' })}`);
  await get(`/s3/params?type=image/jpeg`, { expect: 400 });
  const create = async () => (await call('POST', '/s3/multipart', { json: { filename: 'tide.jpg', type: 'image/jpeg', metadata: { size: String(bytes.length) } }, expect: 200 })).json;
  const { key, uploadId } = await create();
  const path = `/s3/multipart/${encodeURIComponent(uploadId)}`;
  const query = `?key=${encodeURIComponent(key)}`;
  const { json: { url } } = await get(`${path}/1${query}`);
  await get(`${path}/batch${query}&partNumbers=1,2`);
  const response = await fetch(url, { method: 'PUT', body: bytes });
  assert.ok(response.ok, await response.text());
  const { json: stored } = await get(path + query);
  assert.equal(stored.length, 1);
  await call('POST', `${path}/complete${query}`, { json: { parts: [{ PartNumber: 1, ETag: '"0"' }] }, expect: 409 });
  await call('POST', `${path}/complete${query}`, { json: { parts: [{ PartNumber: 1, ETag: response.headers.get('etag') }] }, expect: 200 });
  const second = await create();
  await call('DELETE', `/s3/multipart/${encodeURIComponent(second.uploadId)}?key=${encodeURIComponent(second.key)}`, { expect: 200 });
  await call('POST', '/sign', { json: { method: 'PUT', key: 'tide.jpg', contentType: 'image/jpeg', filename: 'tide.jpg', type: 'image/jpeg', size: bytes.length }, expect: 200 });
  await call('POST', '/sign', { json: { method: 'GET', key: 'tide.jpg' }, expect: 422 });
});

test('the store’s hook, and what the services say of themselves', async () => {
  const secret = (await readFile(settings['ingest.hook_token_file'], 'utf8')).trim();
  const event = { Records: [{ eventVersion: '2.1', eventSource: 'minio:s3', eventName: 's3:ObjectCreated:Put', s3: { bucket: { name: 'another' }, object: { key: 'x', size: 1 } } }] };
  const headers = { authorization: `Bearer ${secret}` };
  await call('POST', '/hooks/s3', { who: null, json: event, headers, expect: 204 });
  await call('POST', '/hooks/s3', { who: null, json: { Records: 1 }, headers, expect: 400 });
  await call('POST', '/hooks/s3', { who: null, json: event, expect: 401 });
  for (const section of ['api', 'ingest']) {
    for (const path of ['/healthz', '/readyz', '/metrics']) await get(path, { who: null, base: `http://${settings[`${section}.listen`]}` });
  }
  await get('/healthz', { who: null });
  await getUnchanged('/openapi.json', { who: null });
  await getUnchanged('/docs', { who: null });
  const { json } = await get('/openapi.json', { who: null });
  assert.deepEqual(json, contract.contract, 'what is served is what was built');
});

test('administrators: the overview, dead letters, anybody’s media, a pool', async () => {
  await call('GET', '/v1/admin/overview', { expect: 403 });
  const broken = () => Buffer.concat([photo.subarray(0, 5000), randomBytes(16)]);
  const ids = [(await upload(broken())).media_id, (await upload(broken())).media_id];
  let letters = [];
  for (const end = Date.now() + READY_MS; letters.length < 2; await new Promise((resolve) => setTimeout(resolve, 200))) {
    letters = (await get('/v1/admin/dead-letters?state=open&limit=200', { who: admin })).json.items.filter((one) => ids.includes(one.media_id));
    assert.ok(Date.now() < end, 'no dead letters');
  }
  await get(`/v1/media/${ids[0]}`);
  await get('/v1/media?state=failed');
  await get(`/v1/admin/media/${ids[0]}`, { who: admin });
  await get(`/v1/admin/media/${media.first}`, { who: admin });
  await call('DELETE', `/v1/admin/dead-letters/${letters[0].id}`, { who: admin, expect: 204 });
  await call('POST', `/v1/admin/dead-letters/${letters[0].id}/redrive`, { who: admin, expect: 409 });
  await call('POST', `/v1/admin/dead-letters/${letters[1].id}/redrive`, { who: admin, expect: 204 });
  const { json: overview } = await get('/v1/admin/overview', { who: admin });
  const { name, setting } = overview.pools[0];
  const { json: turned } = await call('PATCH', `/v1/admin/pools/${name}`, { who: admin, json: { prefetch: setting.prefetch }, expect: 200 });
  assert.equal(turned.setting.source, 'operator');
  await call('PATCH', `/v1/admin/pools/${name}`, { who: admin, json: { prefetch: setting.prefetch, if_revision: turned.setting.revision + 100 }, expect: 409 });
  await get('/v1/admin/requests', { who: admin });
  await get('/v1/audit?scope=all&limit=200', { who: admin });
});

// ---- refusals that every operation of a kind has ----------------------------------------------------------------------

/* Operations of the services that fit, each with its path filled in. */
function each(fits) {
  return contract.operations.filter((one) => one.operation['x-served-by'] !== 'edge' && fits(one))
    .map((one) => ({ ...one, path: one.path.replace(/{(\w+)}/g, (_, name) => (name === 'partNumber' ? '1' : randomUUID())) }));
}

const takesJson = ({ operation }) => follow(contract.contract, operation.requestBody)?.content['application/json'] && operation.operationId !== 'takeStoreEvents';
const isForUsers = ({ operation }) => (operation.security ?? contract.contract.security).some((one) => one.bearer);
const whoMayCall = (operation) => (operation['x-admin'] ? admin : isForUsers({ operation }) ? other : null);
const isOfTus = ({ operation }) => operation.tags.includes('tus');

test('nobody is told 401, and a foreign token too', async () => {
  const operations = each(isForUsers);
  assert.ok(operations.length > 50);
  for (const { method, path } of operations) {
    await call(method, path, { who: null, expect: 401 });
    await call(method, path, { who: null, headers: { authorization: 'Bearer x' }, expect: 401 });
  }
});

test('a body that is not JSON is 415, one that is no object 400, a field too many 400 or 422, too many bytes 413', async () => {
  const operations = each((one) => takesJson(one));
  assert.ok(operations.length > 20);
  for (const { method, path, operation } of operations) {
    const who = whoMayCall(operation);
    // Uppy's plugins look at the object's key before the body.
    const wanted = (answer, ...statuses) => assert.ok(statuses.includes(answer.status) || operation.tags.includes('uppy'), `${method} ${path}: ${answer.status}`);
    wanted(await call(method, path, { who, body: 'x', headers: { 'content-type': 'text/plain' } }), 415, 404);
    wanted(await call(method, path, { who, json: '[]' }), 400, 404);
    wanted(await call(method, path, { who, json: { there_is_no_such_field: 1 } }), 400, 404);
    if (operation['x-body-bytes'] < MIB) wanted(await call(method, path, { who, json: { x: 'x'.repeat(operation['x-body-bytes']) } }), 413);
  }
});

test('a limit out of bounds is 400, a strange cursor and a strange parameter too', async () => {
  const operations = each((one) => contract.parameters(one).some(({ name }) => name === 'limit'));
  assert.ok(operations.length > 10);
  for (const { path, ...one } of operations) {
    const { maximum } = contract.parameters(one).find(({ name }) => name === 'limit').schema;
    for (const query of ['limit=0', `limit=${maximum + 1}`, 'cursor=x', 'there_is_no_such_parameter=1']) {
      const question = path === '/v1/search' ? 'q=x&' : '';
      const { status } = await call('GET', `${path}?${question}${query}`, { who: whoMayCall(one.operation) });
      assert.ok(status === 400 || (status === 404 && path.includes('-')), `${path}?${query}: ${status}`);
    }
  }
});

test('what is not there is 404', async () => {
  for (const one of each((candidate) => isForUsers(candidate) && candidate.path.includes('{id}') && !takesJson(candidate) && !isOfTus(candidate))) {
    await call(one.method, one.path, { who: whoMayCall(one.operation), expect: 404 });
  }
});

test('wrong passwords come to an end: 403, then 429', async () => {
  const json = { old_password: 'wrong', new_password: 'longer than that' };
  const statuses = [];
  for (let tries = 0; tries < 20 && statuses.at(-1) !== 429; tries += 1) statuses.push((await call('POST', '/v1/auth/password', { who: other, json })).status);
  assert.equal(statuses[0], 403);
  assert.equal(statuses.at(-1), 429);
});

test('leaving: things, the address, the password, the account', async () => {
  await call('DELETE', `/v1/media/${media.second}`, { expect: 204 });
  await call('DELETE', `/v1/items/${item.id}`, { expect: 204 });
  const { json } = await get('/v1/changes?limit=200');
  assert.ok(json.items.length > 0);
  await call('POST', '/v1/auth/email', { json: { email: other.email, password: user.password }, expect: 409 });
  await call('POST', '/v1/auth/email', { json: { email: `new-${user.email}`, password: user.password }, expect: 204 });
  const new_password = 'longer than that';
  await call('POST', '/v1/auth/password', { json: { old_password: user.password, new_password }, expect: 204 });
  await call('DELETE', '/v1/me', { json: { password: 'wrong' }, expect: 403 });
  await call('DELETE', '/v1/me', { json: { password: new_password }, expect: 202 });
});

after(() => {
  // A test of its own would not know whether the others have run.
  assert.ok(contract.done.size > 0);
});

test('every operation has succeeded at least once', () => {
  const isWell = (id) => [...(contract.done.get(id) ?? [])].some((status) => status < 300);
  const ids = contract.operations.map(({ operation }) => operation.operationId);
  assert.deepEqual(ids.filter((id) => !isWell(id) && !NEVER_WELL[id]), []);
  assert.deepEqual(Object.keys(NEVER_WELL).filter((id) => isWell(id) || !ids.includes(id)), [], 'exceptions that are none any more');
});
