// Who is logged in: sign up, log in, log out, and requests that carry a fresh access token.
//
// The access token lives in memory only. The refresh token is kept in sessionStorage, so that a reload stays logged in and
// closing the tab forgets it.
import { Problem, request } from './http.js';

const STORAGE_KEY = 'safelight.session';
const RENEW_EARLY_MS = 30_000;

let current = null; // {accessToken, renewAt, refreshToken, email}
let renewing = null; // the refresh in flight: a refresh token is good for one use, so all requests share one refresh
let onEnd = () => {};

/** Registers what to call with a sentence when the session ends without the user asking for it. */
export function whenSessionEnds(callback) {
  onEnd = callback;
}

/** The e-mail address of who is logged in, or null. */
export function sessionEmail() {
  return current?.email ?? null;
}

/** Takes up the session that this tab had before a reload. Answers whether there is one that still works. */
export async function resumeSession() {
  current = read();
  if (!current) return false;
  try {
    await renew();
    return true;
  } catch (error) {
    if (error.status === 401) return false;
    throw error; // the server is away: keep the token for another try
  }
}

export async function signUp(email, password) {
  keep((await request('POST', '/v1/auth/signup', { body: { email, password }, tries: 1 })).data, email);
}

export async function logIn(email, password) {
  keep((await request('POST', '/v1/auth/login', { body: { email, password }, tries: 1 })).data, email);
}

/** Forgets the tokens here at once, and tells the server, which may fail without harm: they expire there. */
export async function logOut() {
  const refreshToken = current?.refreshToken;
  forget();
  if (!refreshToken) return;
  try {
    await request('POST', '/v1/auth/logout', { body: { refresh_token: refreshToken } });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

/** request() as the logged-in user. A 401 is answered by one refresh and one more try. */
export async function authorized(method, path, options = {}) {
  const headers = async () => ({ ...options.headers, authorization: `Bearer ${await accessToken()}` });
  try {
    return await request(method, path, { ...options, headers });
  } catch (error) {
    if (error.status !== 401 || !current) throw error;
    current.renewAt = 0;
    return request(method, path, { ...options, headers });
  }
}

async function accessToken() {
  if (!current) throw new Problem(401, 'You are logged out.');
  if (Date.now() >= current.renewAt) await renew();
  return current.accessToken;
}

function renew() {
  renewing ??= refresh().finally(() => {
    renewing = null;
  });
  return renewing;
}

async function refresh() {
  const { refreshToken, email } = current;
  try {
    const { data } = await request('POST', '/v1/auth/refresh', { body: { refresh_token: refreshToken } });
    if (current?.refreshToken === refreshToken) keep(data, email);
  } catch (error) {
    if (error.status !== 401) throw error;
    const wasOurs = current?.refreshToken === refreshToken;
    if (wasOurs) {
      forget();
      onEnd('Your session has ended. Please log in again.');
    }
    throw error;
  }
}

function keep(answer, email) {
  current = {
    accessToken: answer.access_token,
    renewAt: Date.now() + Math.max(answer.expires_in * 1000 - RENEW_EARLY_MS, 1000),
    refreshToken: answer.refresh_token,
    email: answer.user?.email ?? email,
  };
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ refreshToken: current.refreshToken, email: current.email }));
  } catch {
    // Storage is switched off: the session then ends with a reload.
  }
}

function forget() {
  current = null;
  try {
    sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    // Nothing was stored then.
  }
}

function read() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(STORAGE_KEY));
    return stored?.refreshToken ? { ...stored, accessToken: null, renewAt: 0 } : null;
  } catch {
    return null;
  }
}
