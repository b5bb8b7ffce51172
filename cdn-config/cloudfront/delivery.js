// Safelight's delivery check as a CloudFront Function (viewer request, cloudfront-js-2.0): the form of cdn-config/README.md, the
// vectors of tests/vectors/delivery.json. A good request goes on as one for the object; anything else is answered here.
//
// The key-value store's entry `keys` has the text of cdn.keys: id:64 hex digits, one a line.
import crypto from 'crypto';
import cf from 'cloudfront';

// The object's key without its extension; the extension, or none. Then the query's e, k, s, f. The last letter of a signature has
// two unused bits, which are zero.
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const PATH = new RegExp('^/m/(' + UUID + '/[1-9][0-9]{0,8}/[a-z0-9][a-z0-9_-]{0,31})(\\.jpg|\\.webp|\\.avif)?$');
const SIGNATURE = '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]';
const FORMATS = 'jpeg|webp,jpeg|avif,jpeg|avif,webp,jpeg';
const QUERY = new RegExp('^e=(0|[1-9][0-9]{0,10})&k=([A-Za-z0-9_-]{1,16})&s=(' + SIGNATURE + ')(?:&f=(' + FORMATS + '))?$');

// One element of Accept: a media range and its parameters (RFC 9110, 12.5.1).
const TOKEN = "[0-9A-Za-z!#$%&'*+.^_`|~-]+";
const PARAMETER = '[ \\t]*;[ \\t]*(?:' + TOKEN + '=(?:' + TOKEN + '|"(?:[^"\\\\]|\\\\[^])*"))?';
const ELEMENT = new RegExp('^[ \\t]*(' + TOKEN + '/' + TOKEN + ')((?:' + PARAMETER + ')*)[ \\t]*$');

// Whatever the texts are, it takes the same time for the same length.
function equal(left, right) {
    let difference = left.length ^ right.length;
    for (let i = 0; i < left.length; i++)
        difference |= left.charCodeAt(i) ^ right.charCodeAt(i);
    return difference === 0;
}

// The secret of a key id, or null.
function find_key(keys, id) {
    const lines = keys.split(/[,\r\n]+/);
    for (let i = 0; i < lines.length; i++) {
        const entry = /^[ \t]*([A-Za-z0-9_-]{1,16}):([0-9a-fA-F]{64})[ \t]*$/.exec(lines[i]);
        if (entry !== null && entry[1] === id)
            return Buffer.from(entry[2], 'hex');
    }
    return null;
}

// {verdict, object, extension, formats}: the last three for the verdict "ok" only; extension is "" when it is to be negotiated.
function verify(path, query, keys, now) {
    const parts = PATH.exec(path);
    const signed = query === undefined ? null : QUERY.exec(query);
    if (parts === null || signed === null || (parts[2] === undefined) !== (signed[4] !== undefined))
        return { verdict: 'malformed' };
    const secret = find_key(keys, signed[2]);
    if (secret === null)
        return { verdict: 'unknown_key' };
    const text = 'safelight-delivery-v1\n' + path + '\n' + signed[1] + '\n' + signed[2] + '\n' + (signed[4] || '');
    if (!equal(crypto.createHmac('sha256', secret).update(text).digest('base64url'), signed[3]))
        return { verdict: 'bad_signature' };
    if (signed[1] !== '0' && now > Number(signed[1]))
        return { verdict: 'expired' };
    return { verdict: 'ok', object: parts[1], extension: parts[2] || '', formats: signed[4] || '' };
}

// The best of the signed formats for this Accept header, by the rules of lib/media/negotiate.h.
function negotiate(accept, formats) {
    const named = {};
    if (accept.length > 8192)
        accept = '';
    // Elements between commas outside of quotes; a quote that never closes takes the rest along.
    const elements = accept.match(/(?:[^,"]|"(?:[^"\\]|\\[^])*"|"[^]*$)+/g) || [];
    for (let i = 0; i < elements.length; i++) {
        const element = ELEMENT.exec(elements[i]);
        if (element === null)
            continue;
        const weight = /;[ \t]*q=([^";]*?)[ \t]*(?:;|$)/i.exec(element[2].replace(/"(?:[^"\\]|\\[^])*"/g, '"'));
        if (weight !== null && !/^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(weight[1]))
            continue;
        const range = element[1].toLowerCase();
        const quality = weight === null ? 1 : Number(weight[1]);
        if (named[range] === undefined || quality > named[range])
            named[range] = quality;
    }
    let best = named['image/jpeg'];
    if (best === undefined)
        best = named['image/*'];
    if (best === undefined)
        best = named['*/*'];
    if (best === undefined)
        best = -1;
    let format = 'jpg';
    const names = ['webp', 'avif'];
    for (let i = 0; i < names.length; i++) {
        const quality = named['image/' + names[i]];
        if (formats.indexOf(names[i]) !== -1 && quality > 0 && quality >= best) {
            format = names[i];
            best = quality;
        }
    }
    return format;
}

function problem(status, title, slug, detail) {
    const headers = {
        'content-type': { value: 'application/problem+json' },
        'cache-control': { value: 'no-store' },
        'x-content-type-options': { value: 'nosniff' },
    };
    if (status === 405)
        headers.allow = { value: 'GET, HEAD' };
    const body = JSON.stringify({ type: '/problems/' + slug, title: title, status: status, detail: detail });
    return { statusCode: status, statusDescription: title, headers: headers, body: { encoding: 'text', data: body } };
}

async function handler(event) {
    const request = event.request;
    if (request.method !== 'GET' && request.method !== 'HEAD')
        return problem(405, 'Method Not Allowed', 'method-not-allowed', 'Media are read with GET or HEAD.');
    let keys;
    try {
        keys = await cf.kvs().get('keys');
    } catch (_) {
        return problem(503, 'Service Unavailable', 'unavailable', 'The delivery keys cannot be read. Try again shortly.');
    }
    const grant = verify(request.uri, request.rawQueryString(), keys, Math.floor(Date.now() / 1000));
    if (grant.verdict === 'expired')
        return problem(403, 'Forbidden', 'url-expired', 'This URL has expired. Ask the API for a new one.');
    if (grant.verdict !== 'ok')
        return problem(403, 'Forbidden', 'url-refused', 'This is not a URL that we signed. Take it as the API gave it.');
    const accept = request.headers.accept;
    let extension = grant.extension;
    if (extension === '')
        extension = '.' + negotiate(accept === undefined ? '' : accept.value, grant.formats);
    request.uri = '/' + grant.object + extension;
    request.querystring = {};
    return request;
}
