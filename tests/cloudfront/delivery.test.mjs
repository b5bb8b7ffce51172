// The CloudFront Function against the vectors that every verifier shares, and as the event that CloudFront gives it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { load, source } from './load.mjs';

const vectors = JSON.parse(readFileSync(new URL('../vectors/delivery.json', import.meta.url), 'utf8'));
const { handler, negotiate, verify } = load(vectors.keys);
const forever = vectors.vectors.find((vector) => vector.verdict === 'ok' && vector.grant.expiry === 0 && vector.grant.formats === '');
const negotiated = vectors.vectors.find((vector) => vector.verdict === 'ok' && vector.grant.formats === 'avif,webp,jpeg');

test('every vector gets its verdict', () => {
    assert.ok(vectors.vectors.length > 100);
    for (const vector of vectors.vectors) {
        // No query at all and an empty one are the same text in the vectors; CloudFront gives undefined or "".
        const queries = vector.query === '' ? [undefined, ''] : [vector.query];
        for (const query of queries)
            assert.equal(verify(vector.path, query, vectors.keys, vector.now).verdict, vector.verdict, vector.name);
    }
});

test('a good grant names the object and its formats', () => {
    for (const vector of vectors.vectors.filter(({ verdict }) => verdict === 'ok')) {
        const grant = verify(vector.path, vector.query, vectors.keys, vector.now);
        const { media_id, generation, variant, format, formats } = vector.grant;
        assert.equal(grant.object, `${media_id}/${generation}/${variant}`);
        assert.equal(grant.extension, formats !== '' ? '' : `.${format === 'jpeg' ? 'jpg' : format}`);
        assert.equal(grant.formats, formats);
    }
});

test('each changed character is refused', () => {
    for (const vector of [forever, negotiated]) {
        const url = `${vector.path}?${vector.query}`;
        for (let at = 0; at < url.length; at++) {
            const changed = url.slice(0, at) + (url[at] === 'a' ? 'b' : 'a') + url.slice(at + 1);
            const [path, query] = changed.split('?');
            assert.notEqual(verify(path, query, vectors.keys, vector.now).verdict, 'ok', changed);
        }
    }
});

// The rows of the C implementation's own test: one table for both.
function c_rows() {
    const text = readFileSync(new URL('../unit/test_media_negotiate.c', import.meta.url), 'utf8');
    const rows = [];
    for (const row of text.matchAll(/^\t\{ ("(?:[^"\\]|\\.)*"), (\w+), (\w+) \}/gm))
        rows.push([JSON.parse(row[1]), row[2], row[3]]);
    return rows;
}

test('negotiation agrees with the C implementation', () => {
    const extensions = { AVIF: 'avif', WEBP: 'webp', JPEG: 'jpg' };
    const rows = c_rows();
    assert.ok(rows.length >= 40, `${rows.length} rows`);
    for (const [accept, of_all, of_webp] of rows) {
        assert.equal(negotiate(accept, 'avif,webp,jpeg'), extensions[of_all], accept);
        assert.equal(negotiate(accept, 'webp,jpeg'), extensions[of_webp], accept);
        assert.equal(negotiate(accept, 'jpeg'), 'jpg', accept);
    }
    assert.equal(negotiate('image/avif,' + ' '.repeat(8181), 'avif,jpeg'), 'avif');
    assert.equal(negotiate('image/avif,' + ' '.repeat(8182), 'avif,jpeg'), 'jpg');
});

// Garbage must not take long: the function has a millisecond.
test('hostile Accept headers are read in linear time', () => {
    const started = process.hrtime.bigint();
    for (const piece of ['"', ';', 'image/avif;', 'a="', '\\"', 'image/avif;q=', ' ', ',', 'a=b;', '"\\'])
        negotiate(piece.repeat(Math.floor(8192 / piece.length)), 'avif,webp,jpeg');
    assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 500);
});

function event(method, vector, accept) {
    const request = { method, uri: vector.path, querystring: { e: { value: '0' } }, headers: {}, cookies: {} };
    if (accept !== undefined)
        request.headers.accept = { value: accept };
    request.rawQueryString = () => vector.query;
    return { version: '1.0', context: { eventType: 'viewer-request' }, viewer: { ip: '192.0.2.1' }, request };
}

test('a good request goes on for the object alone', async () => {
    for (const method of ['GET', 'HEAD']) {
        const request = await handler(event(method, forever));
        const extension = forever.path.split('.').pop();
        const { media_id, generation, variant } = forever.grant;
        assert.equal(request.uri, `/${media_id}/${generation}/${variant}.${extension}`);
        assert.deepEqual(request.querystring, {});
    }
});

test('a negotiated request goes on for the best format', async (context) => {
    context.mock.method(Date, 'now', () => negotiated.now * 1000);
    const { media_id, generation, variant } = negotiated.grant;
    for (const [accept, extension] of [[undefined, 'jpg'], ['image/avif,*/*', 'avif'], ['image/webp', 'webp']]) {
        const request = await handler(event('GET', negotiated, accept));
        assert.equal(request.uri, `/${media_id}/${generation}/${variant}.${extension}`);
    }
});

function assert_problem(response, status, slug) {
    assert.equal(response.statusCode, status);
    assert.equal(response.headers['content-type'].value, 'application/problem+json');
    assert.equal(response.headers['cache-control'].value, 'no-store');
    const body = JSON.parse(response.body.data);
    assert.equal(body.type, `/problems/${slug}`);
    assert.equal(body.status, status);
}

test('everything else is a problem', async (context) => {
    assert_problem(await handler(event('POST', forever)), 405, 'method-not-allowed');
    assert_problem(await handler(event('GET', { ...forever, query: `${forever.query}&x=1` })), 403, 'url-refused');
    assert_problem(await handler(event('GET', { ...forever, query: undefined })), 403, 'url-refused');
    assert_problem(await load(null).handler(event('GET', forever)), 503, 'unavailable');
    assert_problem(await load('k9:' + '0'.repeat(64)).handler(event('GET', forever)), 403, 'url-refused');
    const expiring = vectors.vectors.find(({ verdict, grant }) => verdict === 'ok' && grant.expiry > 0);
    context.mock.method(Date, 'now', () => expiring.grant.expiry * 1000 + 999);
    assert.equal((await handler(event('GET', expiring))).statusCode, undefined);
    context.mock.method(Date, 'now', () => expiring.grant.expiry * 1000 + 1000);
    assert_problem(await handler(event('GET', expiring)), 403, 'url-expired');
});

// What CloudFront takes: at most 10 kB; of newer JavaScript only parts, these not among them.
test('it stays within the runtime', () => {
    assert.ok(Buffer.byteLength(source) <= 10 * 1024);
    for (const missing of [/\bclass\b/, /\bfor \(const\b.* of /, /\.\.\./, /\?\./, /\?\?/, /\bimport\(/, /\bfetch\b/, /\bsetTimeout\b/])
        assert.doesNotMatch(source.replace(/\/\/.*$/gm, ''), missing);
});
