// The dialog that shows one photo large, with its facts, its sizes, its description (alt text) and the way to delete it.
import { deleteMedia, describeMedia, fetchMedia, fillPicture, paintPlaceholder, shapeOf } from './media.js';
import { byteWords, dimensionWords, errorWords, reasonWords, stateWord, timeWords } from './words.js';

export class Lightbox {
  /** handlers: onDeleted(id), onChanged(media), neighbour(id, step) → media or undefined, announce(words). */
  constructor(dialog, handlers) {
    this.dialog = dialog;
    this.handlers = handlers;
    this.media = null;
    this.etag = null;
    this.part = (name) => dialog.querySelector(`[data-part="${name}"]`);

    this.part('close').addEventListener('click', () => dialog.close());
    this.part('previous').addEventListener('click', () => this.step(-1));
    this.part('next').addEventListener('click', () => this.step(1));
    this.part('describe').addEventListener('submit', (event) => {
      event.preventDefault();
      this.attempt(() => this.describe());
    });
    this.part('delete').addEventListener('click', () => this.askBeforeDelete(true));
    this.part('keep').addEventListener('click', () => this.askBeforeDelete(false));
    this.part('confirm').addEventListener('click', () => this.attempt(() => this.delete()));
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
    dialog.addEventListener('close', () => {
      this.media = null;
    });
    dialog.addEventListener('keydown', (event) => {
      if (event.target === this.part('alt') || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === 'ArrowLeft') this.step(-1);
      if (event.key === 'ArrowRight') this.step(1);
    });
  }

  /** Shows the media as known at once, and again as soon as the server has told the newest. Never rejects. */
  async open(media) {
    this.show(media);
    this.askBeforeDelete(false, false);
    this.part('alt').value = media.alt ?? '';
    this.etag = null;
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    await this.attempt(() => this.refresh(media.id));
  }

  close() {
    this.dialog.close();
  }

  step(by) {
    const other = this.media && this.handlers.neighbour(this.media.id, by);
    if (other) this.open(other);
  }

  show(media) {
    this.media = media;
    const part = this.part;
    part('name').textContent = media.filename;
    part('reason').textContent = reasonWords(media);
    part('problem').textContent = '';
    part('describe').hidden = media.state === 'rejected' || media.state === 'expired';
    part('previous').disabled = !this.handlers.neighbour(media.id, -1);
    part('next').disabled = !this.handlers.neighbour(media.id, 1);
    this.showPicture(media);
    this.showFacts(media);
    this.showSizes(media);
  }

  showPicture(media) {
    const shape = shapeOf(media);
    const image = this.part('picture').querySelector('img');
    const known = image.dataset.id === media.id && image.dataset.srcset === JSON.stringify(media.srcset);
    const canvas = this.part('placeholder');
    canvas.hidden = !paintPlaceholder(canvas, media);
    image.alt = media.alt || media.filename;
    if (known) return;
    image.removeAttribute('src');
    image.removeAttribute('srcset');
    image.dataset.id = media.id;
    image.dataset.srcset = JSON.stringify(media.srcset);
    if (media.width > 0) Object.assign(image, { width: media.width, height: media.height });
    const shown = fillPicture(this.part('picture'), media, `min(94vw, calc(78vh * ${shape.toFixed(3)}))`);
    this.part('picture').hidden = !shown;
  }

  showFacts(media) {
    const facts = [
      ['State', stateWord(media)],
      ['Dimensions', dimensionWords(media)],
      ['Original', [media.content_type, byteWords(media.size)].filter(Boolean).join(', ')],
      ['Added', timeWords(media.created_at)],
    ].filter(([, value]) => value);
    this.part('facts').replaceChildren(
      ...facts.map(([name, value]) => {
        const row = document.createElement('div');
        row.append(make('dt', name), make('dd', value));
        return row;
      }),
    );
  }

  showSizes(media) {
    const published = (media.variants ?? []).filter((variant) => variant.url);
    published.sort((a, b) => a.width - b.width || a.format.localeCompare(b.format));
    this.part('sizes').hidden = published.length === 0;
    this.part('rows').replaceChildren(
      ...published.map((variant) => {
        const link = make('a', variant.name);
        Object.assign(link, { href: variant.url, target: '_blank', rel: 'noopener' });
        const name = document.createElement('th');
        name.scope = 'row';
        name.append(link);
        const row = document.createElement('tr');
        row.append(name, make('td', variant.format), make('td', dimensionWords(variant)), make('td', byteWords(variant.bytes)));
        return row;
      }),
    );
  }

  async refresh(id) {
    const { media, etag } = await fetchMedia(id);
    if (this.media?.id !== id) return; // closed, or another photo by now
    const field = this.part('alt');
    if (field.value === (this.media.alt ?? '')) field.value = media.alt ?? '';
    this.show(media);
    this.etag = etag;
    this.handlers.onChanged(media);
  }

  async describe() {
    const { id } = this.media;
    await describeMedia(id, this.part('alt').value.trim(), this.etag);
    this.handlers.announce('Description saved.');
    await this.refresh(id);
    this.part('saved').textContent = 'Saved.';
  }

  async delete() {
    const { id, filename } = this.media;
    await deleteMedia(id);
    this.dialog.close();
    this.handlers.onDeleted(id);
    this.handlers.announce(`${filename} is deleted.`);
  }

  askBeforeDelete(asking, moveFocus = true) {
    this.part('delete').hidden = asking;
    this.part('sure').hidden = !asking;
    if (moveFocus) this.part(asking ? 'keep' : 'delete').focus();
  }

  /* Runs what a button started; an error becomes words in the dialog. */
  async attempt(action) {
    const { media } = this;
    const buttons = this.dialog.querySelectorAll('button[data-writes]');
    this.part('problem').textContent = '';
    this.part('saved').textContent = '';
    for (const button of buttons) button.disabled = true;
    try {
      await action();
    } catch (error) {
      if (this.media?.id !== media?.id) return;
      if (error.status === 404) {
        this.dialog.close();
        this.handlers.onDeleted(media.id);
      } else this.part('problem').textContent = errorWords(error);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }
}

function make(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
