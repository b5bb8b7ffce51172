// Turns states, sizes, times and errors into words.
import { Problem } from './http.js';

const STATES = {
  awaiting_upload: 'Not all here',
  uploaded: 'Checking',
  processing: 'Developing',
  ready: 'Ready',
  rejected: 'Refused',
  failed: 'Failed',
  expired: 'Expired',
};

const REASONS = {
  awaiting_upload: 'The upload was interrupted. Choose the photo again, or delete this entry.',
  rejected: 'The server refused this file.',
  failed: 'The server could not develop this photo.',
  expired: 'The photo never arrived. Choose it again, or delete this entry.',
};

export function stateWord(media) {
  return STATES[media.state] ?? media.state;
}

/** Why there is no picture, or '' where none is owed. */
export function reasonWords(media) {
  return media.reason?.detail || REASONS[media.state] || '';
}

export function dimensionWords({ width, height }) {
  return width > 0 && height > 0 ? `${width} × ${height}` : '';
}

export function byteWords(bytes) {
  if (!Number.isFinite(bytes)) return '';
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function timeWords(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** What to tell people of an error. Anything but a Problem is a fault of this page and goes to the console as well. */
export function errorWords(error) {
  if (error instanceof Problem) return error.message;
  console.error(error);
  return 'Something went wrong in this page. Reload it and try again.';
}
