// Showing a media of Safelight's API in a page: https://…/v1/media/{id} in, picture markup or URLs out. No dependency; browsers
// and Node. Tested by media.test.mjs.

const PICTURE_FORMATS = ['avif', 'webp']; // before JPEG, which everybody shows
const SLACK_SECONDS = 60; // a URL that ends within a minute is not given out any more

function escapeAttribute(text) {
  return String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** Variants of one format that can be shown and keep the original's proportions, by rising width. */
function ladder(media, format) {
  const shown = (media.variants ?? []).filter((variant) => variant.url && variant.format === format && variant.name !== 'square');
  return shown.sort((a, b) => a.width - b.width);
}

/** A srcset of one format ("avif", "webp", "jpeg"); "" when there is none. */
export function srcset(media, format) {
  return ladder(media, format).map((variant) => `${variant.url} ${variant.width}w`).join(', ');
}

/** The address of the narrowest variant at least `width` pixels wide, else of the widest; undefined when there is none. */
export function source(media, width, format = 'jpeg') {
  const variants = ladder(media, format);
  return (variants.find((variant) => variant.width >= width) ?? variants.at(-1))?.url;
}

/**
 * Markup of a <picture>: best format first, JPEG for the rest; width and height keep the page from jumping. `sizes` is the
 * attribute of that name: how wide the picture is shown. Answers "" when nothing is published yet.
 */
export function pictureMarkup(media, sizes = '100vw') {
  const plain = source(media, 640);
  if (!plain) return '';
  const lines = PICTURE_FORMATS.filter((format) => srcset(media, format) !== '').map(
    (format) => `  <source type="image/${format}" srcset="${escapeAttribute(srcset(media, format))}" sizes="${escapeAttribute(sizes)}">`,
  );
  const size = media.width && media.height ? ` width="${Number(media.width)}" height="${Number(media.height)}"` : '';
  lines.push(
    `  <img src="${escapeAttribute(plain)}" srcset="${escapeAttribute(srcset(media, 'jpeg'))}" sizes="${escapeAttribute(sizes)}"` +
      `${size} alt="${escapeAttribute(media.alt ?? '')}" loading="lazy" decoding="async">`,
  );
  return `<picture>\n${lines.join('\n')}\n</picture>`;
}

/** Milliseconds since the epoch at which the first of the media's URLs ends; Infinity when none does. */
export function expiresAt(media) {
  const ends = (media.variants ?? []).filter((variant) => variant.url && variant.expires_at).map((variant) => Date.parse(variant.expires_at));
  return Math.min(Infinity, ...ends);
}

/**
 * Media with URLs that hold: `fetchMedia(id)` asks the API, whose answers are kept until a URL of theirs is about to end.
 * Callers that ask at once share one request; a failed one is forgotten.
 */
export class MediaCache {
  #fetchMedia;
  #now;
  #entries = new Map();

  constructor(fetchMedia, now = Date.now) {
    this.#fetchMedia = fetchMedia;
    this.#now = now;
  }

  async get(id) {
    const kept = this.#entries.get(id);
    if (kept && (await this.#isFresh(kept))) return kept;
    // Another caller may have begun to ask meanwhile.
    if (this.#entries.get(id) !== kept) return this.get(id);
    const asked = Promise.resolve(this.#fetchMedia(id));
    this.#entries.set(id, asked);
    try {
      return await asked;
    } catch (error) {
      if (this.#entries.get(id) === asked) this.#entries.delete(id);
      throw error;
    }
  }

  /** Forget what is known of a media, after a 403 url-expired for one of its URLs or an event about it. */
  drop(id) {
    this.#entries.delete(id);
  }

  async #isFresh(kept) {
    return expiresAt(await kept) - this.#now() > SLACK_SECONDS * 1000;
  }
}
