// The calls on media, and how to read a media object: its state, its variants, its placeholder.
import { authorized } from './session.js';
import { Problem, pause } from './http.js';
import { decodeThumbHash, thumbHashBytes } from './thumbhash.js';

const FIRST_POLL_MS = 150;
const LONGEST_POLL_MS = 1000;
const AWAY_POLL_MS = 5000;
const SETTLED = new Set(['ready', 'rejected', 'failed', 'expired', 'deleted']);
const FORMATS = ['webp', 'jpeg', 'jpg', 'png'];

export async function listMedia(cursor, limit = 24) {
  const query = new URLSearchParams({ limit });
  if (cursor) query.set('cursor', cursor);
  return (await authorized('GET', `/v1/media?${query}`)).data;
}

/** Answers {media, etag}. */
export async function fetchMedia(id, signal) {
  const { data, etag } = await authorized('GET', `/v1/media/${encodeURIComponent(id)}`, { signal });
  return { media: data, etag };
}

/** Sets the alt text. The ETag of the version that was shown keeps us from overwriting somebody else's words. */
export async function describeMedia(id, alt, etag) {
  const headers = etag ? { 'if-match': etag } : {};
  await authorized('PATCH', `/v1/media/${encodeURIComponent(id)}`, { body: { alt }, headers });
}

/** Deletes; what is gone already counts as deleted. */
export async function deleteMedia(id) {
  try {
    await authorized('DELETE', `/v1/media/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error.status !== 404 && error.status !== 410) throw error;
  }
}

/**
 * Asks for the media again and again (150 ms at first, then up to 1 s) until it is settled, and shows each answer to onChange.
 * While the server is away it goes on asking every 5 s and says so to onAway. Answers the settled media.
 */
export async function watchMedia(id, { onChange, onAway, signal }) {
  for (let delay = FIRST_POLL_MS; ; delay = Math.min(delay * 1.5, LONGEST_POLL_MS)) {
    try {
      const { media } = await fetchMedia(id, signal);
      onChange(media);
      if (isSettled(media)) return media;
      await pause(delay, signal);
    } catch (error) {
      if (!(error instanceof Problem) || (error.status !== 0 && error.status !== 429 && error.status < 500)) throw error;
      onAway(error);
      await pause(AWAY_POLL_MS, signal);
    }
  }
}

export function isSettled(media) {
  return SETTLED.has(media.state);
}

/** The published variant of that name in the best format every browser shows, or undefined. */
export function findVariant(media, name) {
  const published = (media.variants ?? []).filter((variant) => variant.name === name && variant.url);
  return FORMATS.map((format) => published.find((variant) => variant.format === format)).find(Boolean);
}

/** One picture source for a browser without srcset: the variant nearest above 640 pixels, else the widest. */
export function plainSource(media) {
  const jpegs = (media.variants ?? []).filter((variant) => variant.url && variant.format === 'jpeg' && variant.name !== 'square');
  jpegs.sort((a, b) => a.width - b.width);
  return (jpegs.find((variant) => variant.width >= 640) ?? jpegs.at(-1))?.url;
}

/**
 * Fills a <picture> from the media's srcset, best format first, for an image that is `sizes` wide.
 * The address of the <img> comes last: setting it starts the load. Answers the <img>, or null when there is nothing to show.
 */
export function fillPicture(picture, media, sizes) {
  const plain = plainSource(media);
  const image = picture.querySelector('img');
  picture.replaceChildren(image);
  if (!plain) return null;
  for (const format of ['avif', 'webp']) {
    if (!media.srcset?.[format]) continue;
    const source = document.createElement('source');
    Object.assign(source, { type: `image/${format}`, sizes, srcset: media.srcset[format] });
    image.before(source);
  }
  image.sizes = sizes;
  image.srcset = media.srcset?.jpeg ?? '';
  image.src = plain;
  return image;
}

/** Paints the media's ThumbHash. Answers whether there was one. */
export function paintPlaceholder(canvas, media) {
  if (!media.thumbhash) return false;
  try {
    const { width, height, rgba } = decodeThumbHash(thumbHashBytes(media.thumbhash));
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
    return true;
  } catch {
    return false; // a hash that we cannot read costs the placeholder, not the photo
  }
}

/** Width over height, 1 while it is unknown. */
export function shapeOf(media) {
  return media.width > 0 && media.height > 0 ? media.width / media.height : 1;
}
