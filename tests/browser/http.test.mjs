// The gallery's request(): retries that are safe, errors in words. Against a small server in this process.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';

globalThis.crypto ??= webcrypto; // a browser has it; node 18 does not by itself
const source = await readFile(new URL('../../samples/gallery/http.js', import.meta.url));
const { Problem, request } = await import(`data:text/javascript;base64,${source.toString('base64')}`);

let server, base;
let answers; // one function (request, response) for each request to come
let seen;

before(async () => {
  server = createServer((incoming, response) => {
    seen.push(incoming);
    answers.shift()(incoming, response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections?.();
  server.close();
});

beforeEach(() => {
  answers = [];
  seen = [];
});

const hangUp = (incoming) => incoming.socket.destroy();
const say = (status, type, body, headers) => (_, response) =>
  response.writeHead(status, { 'content-type': type, ...headers }).end(body);
const json = (status, body) => say(status, 'application/json', JSON.stringify(body));
const problem = (status, body) => say(status, 'application/problem+json', JSON.stringify(body));

test('a broken connection and a busy server are tried again under one idempotency key', async () => {
  answers = [hangUp, problem(503, { detail: 'Busy.' }), json(201, { id: 'a' })];
  const { status, data } = await request('POST', `${base}/v1/uploads`, { body: { size: 1 } });
  assert.equal(status, 201);
  assert.deepEqual(data, { id: 'a' });
  const keys = seen.map((incoming) => incoming.headers['idempotency-key']);
  assert.match(keys[0], /^"[0-9a-f]{32}"$/);
  assert.deepEqual(new Set(keys).size, 1);
});

test('two requests have two idempotency keys', async () => {
  answers = [json(200, {}), json(200, {})];
  await request('POST', base, { body: {} });
  await request('POST', base, { body: {} });
  assert.notEqual(seen[0].headers['idempotency-key'], seen[1].headers['idempotency-key']);
});

test('retries end, and the last word is the server’s', async () => {
  answers = Array.from({ length: 4 }, () => problem(503, { detail: 'Closed for today.' }));
  await assert.rejects(request('GET', base), (error) => {
    assert.ok(error instanceof Problem);
    assert.equal(error.status, 503);
    assert.equal(error.message, 'Closed for today.');
    return true;
  });
  assert.equal(seen.length, 4);
});

test('a refusal is not repeated; its details become the message', async () => {
  answers = [problem(422, { detail: 'The request is not valid.', errors: [{ pointer: '/password', detail: 'Too short.' }] })];
  await assert.rejects(request('POST', base, { body: {} }), { status: 422, message: 'The request is not valid. Too short.' });
  assert.equal(seen.length, 1);
});

test('an error page of a proxy is not shown to people', async () => {
  answers = [say(404, 'text/html', '<h1>nginx</h1>')];
  await assert.rejects(request('GET', base), { status: 404, message: 'The server answered with status 404.' });
});

test('no answer at all is said in words', async () => {
  answers = [hangUp, hangUp];
  await assert.rejects(request('GET', base, { tries: 2 }), { status: 0, message: /does not answer/ });
  assert.equal(seen.length, 2);
});

test('an aborted request stops at once, also while it waits for its next try', async () => {
  answers = [say(503, 'text/plain', '', { 'retry-after': '20' })];
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 200);
  const start = Date.now();
  await assert.rejects(request('GET', base, { signal: controller.signal }), reason);
  assert.ok(Date.now() - start < 5000);
  assert.equal(seen.length, 1);
});
