// One JSON request to the API: deadline, bounded retries with jitter, and errors as sentences (RFC 9457 problem+json).

const DEADLINE_MS = 15_000;
const TRIES = 4;
const WORTH_A_RETRY = new Set([429, 502, 503, 504]);

/** What went wrong, in words for people. status 0 means that no answer came. */
export class Problem extends Error {
  constructor(status, detail, type = 'about:blank') {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.type = type;
  }
}

/**
 * Sends a request and answers {status, data, etag}; throws a Problem on any other end, or the signal's reason when aborted.
 * A POST gets an Idempotency-Key, the same for every try, so that repeating it is safe.
 * headers may be a function: it is asked anew before each try.
 */
export async function request(method, path, { body, headers = {}, signal, tries = TRIES } = {}) {
  const fixed = { accept: 'application/json' };
  if (body !== undefined) fixed['content-type'] = 'application/json';
  if (method === 'POST') fixed['idempotency-key'] = `"${randomToken()}"`;

  for (let attempt = 1; ; attempt++) {
    const given = typeof headers === 'function' ? await headers() : headers;
    let response;
    try {
      response = await fetch(path, {
        method,
        headers: { ...fixed, ...given },
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store',
        signal: withDeadline(signal),
      });
      if (response.ok) return await readAnswer(response);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= tries) throw new Problem(0, 'The server does not answer. Check the connection and try again.');
    }
    if (response && !response.ok && (!WORTH_A_RETRY.has(response.status) || attempt >= tries)) throw await readProblem(response);
    await pause(retryDelay(attempt, response), signal);
  }
}

/** Resolves after the given milliseconds; rejects with the signal's reason as soon as it is aborted. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Milliseconds to wait before try number attempt + 1: doubling with jitter, or what Retry-After asks for (at most 30 s). */
export function retryDelay(attempt, response) {
  const asked = Number(response?.headers.get('retry-after'));
  if (asked > 0) return Math.min(asked, 30) * 1000;
  return 250 * 2 ** (attempt - 1) * (0.5 + Math.random());
}

/* crypto.randomUUID() exists in secure contexts only; a gallery on a plain LAN address is not one. */
function randomToken() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function withDeadline(signal) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  return signal ? AbortSignal.any([signal, deadline]) : deadline;
}

async function readAnswer(response) {
  const text = await response.text();
  return { status: response.status, data: text === '' ? null : JSON.parse(text), etag: response.headers.get('etag') };
}

async function readProblem(response) {
  let problem = {};
  try {
    if (/\bjson\b/.test(response.headers.get('content-type') ?? '')) problem = await response.json();
  } catch {
    // Not JSON after all: the status alone has to speak.
  }
  const parts = (problem.errors ?? []).map((error) => error.detail).filter(Boolean);
  const words = [problem.detail ?? problem.title ?? `The server answered with status ${response.status}.`, ...parts];
  return new Problem(response.status, [...new Set(words)].join(' '), problem.type);
}
