// Brings one file to the server: announce it, PUT its bytes straight to the object store, say that they are there.
//
// What was announced and not yet completed is noted in sessionStorage, so that a reload between the PUT and the last call
// loses nothing (completePending).
import { authorized } from './session.js';
import { Problem, pause, retryDelay } from './http.js';

const PENDING_KEY = 'safelight.pending';
const PUT_TRIES = 4;
const STALLED_MS = 30_000;
const HASH_UP_TO_BYTES = 64 * 1024 * 1024;
// Set by the browser itself; a script that tries is refused with a console error.
const BROWSER_SETS = new Set(['content-length', 'host', 'connection', 'expect']);
const TYPES = { heic: 'image/heic', heif: 'image/heif', avif: 'image/avif', jxl: 'image/jxl', webp: 'image/webp' };

/**
 * Uploads a file and answers {media, known}; known means that the server had this very photo already.
 * onProgress gets 0 … 1 while bytes travel. Throws a Problem in words, or the signal's reason when it is cancelled.
 */
export async function uploadFile(file, { onProgress, signal }) {
  const body = { filename: file.name, content_type: typeOf(file), size: file.size };
  const sha256 = await fingerprint(file);
  if (sha256) body.sha256 = sha256;
  const { status, data: upload } = await authorized('POST', '/v1/uploads', { body, signal });
  if (status === 200 && upload.media) return { media: upload.media, known: true };

  notePending(upload.upload_id, true);
  try {
    if (!upload.url) throw new Problem(413, 'This file is too large for the sample page, which leaves multipart to tus and Uppy.');
    await putWithRetries(upload, file, onProgress, signal);
    onProgress(1);
    const { data } = await authorized('POST', `/v1/uploads/${encodeURIComponent(upload.upload_id)}/complete`, { body: {}, signal });
    return { media: data.media, known: false };
  } catch (error) {
    if (error instanceof Problem) throw error;
    abandon(upload.upload_id);
    throw error;
  } finally {
    notePending(upload.upload_id, false);
  }
}

/** After a reload: completes what had arrived in full. Answers the media that are now on their way. */
export async function completePending() {
  const found = [];
  for (const id of readPending()) {
    try {
      const { data } = await authorized('POST', `/v1/uploads/${encodeURIComponent(id)}/complete`, { body: {} });
      found.push(data.media);
    } catch (error) {
      if (error.status === 0 || error.status >= 500) continue; // the server is away: keep the note
    }
    notePending(id, false);
  }
  return found;
}

/* Cancelled by the user: free the server's quota. The upload would expire by itself, so a failure does not matter. */
function abandon(uploadId) {
  authorized('DELETE', `/v1/uploads/${encodeURIComponent(uploadId)}`, { tries: 1 }).catch(() => {});
}

async function putWithRetries(upload, file, onProgress, signal) {
  for (let attempt = 1; ; attempt++) {
    const status = await put(upload, file, onProgress, signal);
    if (status >= 200 && status < 300) return;
    // The signed If-None-Match says that the object is there: an earlier try arrived and only its answer was lost.
    if (status === 412) return;
    const passing = status === 0 || status === 429 || status >= 500;
    if (!passing || attempt >= PUT_TRIES) throw new Problem(status, putWords(status));
    await pause(retryDelay(attempt), signal);
  }
}

function putWords(status) {
  if (status === 0) return 'The connection to the store broke off while sending. Try again.';
  if (status === 403) return 'The store refused the upload: its link has expired or does not fit the file. Try again.';
  return `The store refused the upload (status ${status}). Try again.`;
}

/* Answers the HTTP status, 0 when the connection failed or nothing moved for 30 s. fetch() cannot report upload progress. */
function put({ method, url, headers }, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const xhr = new XMLHttpRequest();
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => xhr.abort(), STALLED_MS);
    };
    const cancel = () => xhr.abort();
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers))
      if (!BROWSER_SETS.has(name.toLowerCase())) xhr.setRequestHeader(name, value);
    xhr.upload.addEventListener('progress', (event) => {
      alive();
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    xhr.addEventListener('loadend', () => {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason);
      else resolve(xhr.status);
    });
    signal.addEventListener('abort', cancel, { once: true });
    alive();
    xhr.send(file);
  });
}

function typeOf(file) {
  return file.type || TYPES[file.name.split('.').at(-1).toLowerCase()] || 'application/octet-stream';
}

/* SHA-256 in hex, so that the server can tell us that it has this photo. Undefined where the browser offers none. */
async function fingerprint(file) {
  if (!crypto.subtle || file.size > HASH_UP_TO_BYTES) return undefined;
  let bytes;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    throw new Problem(0, 'This file cannot be read any more. Choose it again.');
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function readPending() {
  try {
    return JSON.parse(sessionStorage.getItem(PENDING_KEY)) ?? [];
  } catch {
    return [];
  }
}

function notePending(id, isPending) {
  const others = readPending().filter((other) => other !== id);
  try {
    sessionStorage.setItem(PENDING_KEY, JSON.stringify(isPending ? [...others, id] : others));
  } catch {
    // Without storage a reload in the middle of an upload means choosing the photo again.
  }
}
