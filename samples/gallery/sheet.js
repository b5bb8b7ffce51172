// The contact sheet: the user's photos as tiles, page by page, and the queue of photos being sent.
import { Problem } from './http.js';
import { fetchMedia, isSettled, listMedia, watchMedia } from './media.js';
import { Tile } from './tile.js';
import { completePending, uploadFile } from './upload.js';
import { errorWords, reasonWords } from './words.js';

const SENT_AT_ONCE = 3;

export class Sheet {
  /**
   * elements: {list, more, empty, template}.
   * handlers: onOpen(media), onGone() after a tile went, announce(words) for screen readers, complain(words) for all.
   */
  constructor(elements, handlers) {
    this.elements = elements;
    this.handlers = handlers;
    this.clear();
    elements.more.addEventListener('click', () => this.loadMore());
  }

  /** Fills the sheet for the user who has just logged in. Never rejects. */
  async start() {
    this.clear();
    const life = this.life.signal;
    const arrived = await completePending().catch((error) => this.complain(error, life, []));
    if (!life.aborted) await this.loadMore();
    if (!life.aborted) for (const media of arrived) if (!this.tiles.has(media.id)) this.place(media, true);
  }

  /** Stops all that is under way and empties the sheet. */
  clear() {
    this.life?.abort(new DOMException('the sheet was cleared', 'AbortError'));
    this.life = new AbortController();
    this.tiles = new Map(); // media id → Tile; tiles of photos still being sent are only in the list
    this.queue = [];
    this.sending = 0;
    this.cursor = null;
    this.elements.list.replaceChildren();
    this.elements.more.hidden = true;
    this.elements.empty.hidden = true;
  }

  get isSending() {
    return this.sending + this.queue.length > 0;
  }

  /** Puts files on the sheet, the newest first as the server lists them, and sends them in their order, three at a time. */
  add(files) {
    const jobs = files.map((file) => this.newJob(file));
    this.elements.list.prepend(...jobs.map((job) => job.tile.element).reverse());
    this.queue.push(...jobs);
    this.countTiles();
    this.pump();
  }

  async loadMore() {
    const life = this.life.signal;
    const { more } = this.elements;
    more.disabled = true;
    try {
      const { items, next_cursor: next } = await listMedia(this.cursor);
      if (life.aborted) return;
      for (const media of items) if (media.state !== 'deleted' && !this.tiles.has(media.id)) this.place(media, false);
      this.cursor = next;
      more.hidden = !next;
    } catch (error) {
      this.complain(error, life);
      if (!life.aborted) more.hidden = false; // as a way to try again
    } finally {
      more.disabled = false;
      if (!life.aborted) this.countTiles();
    }
  }

  /** Takes a media off the sheet; the focus goes to its neighbour. */
  drop(id) {
    const tile = this.tiles.get(id);
    if (!tile) return;
    const next = this.neighbour(id, 1) ?? this.neighbour(id, -1);
    this.tiles.delete(id);
    tile.remove();
    this.countTiles();
    this.tiles.get(next?.id)?.focus();
  }

  /** Shows news of a media that is on the sheet. */
  update(media) {
    this.tiles.get(media.id)?.show(media);
  }

  /** The media that many steps further in the order seen, or undefined at the end. */
  neighbour(id, step) {
    const ids = [...this.elements.list.children].map((element) => element.dataset.id).filter(Boolean);
    const other = ids[ids.indexOf(id) + step];
    return this.tiles.get(other)?.media ?? undefined;
  }

  newJob(file) {
    const job = { file, cancel: new AbortController() };
    job.tile = new Tile(this.elements.template, file.name, {
      ...this.tileHandlers(),
      onRetry: () => {
        job.tile.wait();
        this.queue.push(job);
        this.pump();
      },
      onDismiss: () => {
        job.cancel.abort(new DOMException('cancelled', 'AbortError'));
        this.queue = this.queue.filter((other) => other !== job);
        job.tile.remove();
        this.countTiles();
        this.handlers.onGone();
      },
    });
    return job;
  }

  pump() {
    while (this.sending < SENT_AT_ONCE && this.queue.length > 0) {
      const life = this.life.signal;
      this.sending++;
      this.send(this.queue.shift(), life).finally(() => {
        if (life.aborted) return;
        this.sending--;
        this.pump();
      });
    }
  }

  async send({ file, tile, cancel }, life) {
    const signal = AbortSignal.any([life, cancel.signal]);
    try {
      tile.send(0);
      const { media, known } = await uploadFile(file, { onProgress: (fraction) => tile.send(fraction), signal });
      if (!signal.aborted) this.adopt(tile, media, known);
    } catch (error) {
      if (signal.aborted) return;
      const words = errorWords(error);
      tile.break(words);
      this.handlers.announce(`${file.name}: ${words}`);
    }
  }

  /* The server knows the sent photo now. When it knew it before, the tile it already has is the one to look at. */
  adopt(tile, media, known) {
    const other = this.tiles.get(media.id);
    if (other) {
      tile.remove();
      other.element.scrollIntoView({ block: 'nearest' });
    } else {
      this.tiles.set(media.id, tile);
      tile.show(media);
      this.follow(tile, media);
    }
    if (known) this.handlers.announce(`${media.filename} is here already.`);
    else if (isSettled(media)) this.tell(media);
  }

  place(media, first) {
    const tile = new Tile(this.elements.template, media.filename, this.tileHandlers());
    this.tiles.set(media.id, tile);
    this.elements.list[first ? 'prepend' : 'append'](tile.element);
    tile.show(media);
    this.countTiles();
    // What still awaits its bytes awaits them from somewhere else; asking again and again would not bring them.
    if (media.state !== 'awaiting_upload') this.follow(tile, media);
  }

  async follow(tile, { id, state }) {
    if (isSettled({ state })) return;
    const life = this.life.signal;
    try {
      const media = await watchMedia(id, {
        onChange: (news) => tile.show(news),
        onAway: () => tile.remark('No connection. Trying again …'),
        signal: life,
      });
      if (media.state === 'deleted') this.drop(id);
      else this.tell(media);
    } catch (error) {
      if (life.aborted) return;
      if (error.status === 404) this.drop(id);
      else tile.remark(errorWords(error));
    }
  }

  tell(media) {
    this.handlers.announce(media.state === 'ready' ? `${media.filename} is ready.` : `${media.filename}: ${reasonWords(media)}`);
  }

  tileHandlers() {
    const life = this.life.signal;
    return {
      onOpen: (media) => this.handlers.onOpen(media),
      onStale: ({ id }) =>
        fetchMedia(id, life).then(
          ({ media }) => this.update(media),
          (error) => error instanceof Problem && error.status === 404 && this.drop(id),
        ),
    };
  }

  countTiles() {
    this.elements.empty.hidden = this.elements.list.childElementCount > 0 || !this.elements.more.hidden;
  }

  complain(error, life, answer) {
    if (!life.aborted) this.handlers.complain(errorWords(error));
    return answer;
  }
}
