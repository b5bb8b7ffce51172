// One frame of the contact sheet. Its data-stage tells how far it is, for the style sheet and for tests:
// waiting, sending, working, then placeholder → thumbnail → picture; or plain (ready, no picture: its icon class is shown), stopped, broken.
import { fillPicture, findVariant, isSettled, paintPlaceholder, shapeOf } from './media.js';
import { byteWords, dimensionWords, reasonWords, stateWord } from './words.js';

const DEVELOPING = ['waiting', 'sending', 'working', 'placeholder', 'thumbnail', 'picture'];
const FRAME_REM = 15;
const RENEW_PAUSE_MS = 30_000;

export class Tile {
  /** handlers: onOpen(media), onRetry(), onDismiss(), onStale(media) when its signed addresses no longer answer. */
  constructor(template, name, handlers) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.handlers = handlers;
    this.media = null;
    this.renewedAt = 0;
    const part = (selector) => this.element.querySelector(selector);
    this.parts = {
      frame: part('.frame'),
      placeholder: part('.placeholder'),
      thumbnail: part('.thumbnail'),
      picture: part('.picture'),
      status: part('.status'),
      reason: part('.reason'),
      progress: part('progress'),
      retry: part('.retry'),
      dismiss: part('.dismiss'),
    };
    this.name = name;
    part('.name').textContent = name;
    part('.name').title = name;
    this.parts.progress.setAttribute('aria-label', `Sending ${name}`);
    this.parts.frame.setAttribute('aria-label', `Open ${name}`);
    this.parts.frame.addEventListener('click', () => handlers.onOpen(this.media));
    this.parts.retry.addEventListener('click', () => handlers.onRetry());
    this.parts.dismiss.addEventListener('click', () => handlers.onDismiss());
    this.wait();
  }

  remove() {
    this.element.remove();
  }

  focus() {
    (this.parts.frame.disabled ? this.parts.dismiss : this.parts.frame).focus();
  }

  wait() {
    this.element.dataset.stage = 'waiting';
    this.parts.status.textContent = 'Waiting';
    this.parts.reason.textContent = '';
    this.parts.retry.hidden = true;
    this.parts.progress.hidden = true;
    this.offerDismissal('Cancel');
  }

  /** Bytes are on their way: 0 … 1. */
  send(fraction) {
    this.element.dataset.stage = 'sending';
    this.parts.progress.hidden = false;
    this.parts.progress.value = fraction;
    this.parts.status.textContent = fraction < 1 ? `Sending ${Math.floor(fraction * 100)} %` : 'Checking';
  }

  /** A passing remark in the status line, such as that the server is away. */
  remark(words) {
    this.parts.status.textContent = words;
  }

  /** This page could not bring the photo to the server. */
  break(words) {
    this.element.dataset.stage = 'broken';
    this.parts.progress.hidden = true;
    this.parts.status.textContent = 'Not sent';
    this.parts.reason.textContent = words;
    this.parts.retry.hidden = false;
    this.offerDismissal('Dismiss');
  }

  offerDismissal(word) {
    this.parts.dismiss.hidden = false;
    this.parts.dismiss.textContent = word;
    this.parts.dismiss.setAttribute('aria-label', `${word} ${this.name}`);
  }

  /** Shows what is known of the media; called again with every news of it. */
  show(media) {
    this.media = media;
    this.element.dataset.id = media.id;
    this.element.dataset.state = media.state;
    this.parts.frame.dataset.icon = media.icon;
    this.parts.frame.disabled = false;
    this.parts.frame.setAttribute('aria-label', `Open ${media.alt || media.filename}`);
    this.parts.progress.hidden = true;
    this.parts.retry.hidden = true;
    this.parts.dismiss.hidden = true;
    const why = reasonWords(media);
    this.parts.reason.textContent = why;
    this.parts.status.textContent = (media.state === 'ready' && (dimensionWords(media) || byteWords(media.size))) || stateWord(media);
    if (why) {
      this.element.dataset.stage = 'stopped';
      return;
    }
    this.advance('working');
    if (paintPlaceholder(this.parts.placeholder, media)) this.advance('placeholder');
    this.showThumbnail(media);
  }

  showThumbnail(media) {
    const { thumbnail } = this.parts;
    const variant = findVariant(media, 'square');
    const enlarge = () => {
      if (isSettled(this.media)) this.showPicture(this.media);
    };
    if (!variant) return enlarge();
    thumbnail.onload = () => {
      this.advance('thumbnail');
      enlarge();
    };
    thumbnail.onerror = () => this.renew();
    if (thumbnail.getAttribute('src') !== variant.url) thumbnail.src = variant.url;
    else if (thumbnail.complete && thumbnail.naturalWidth > 0) enlarge();
  }

  showPicture(media) {
    const { picture } = this.parts;
    const image = picture.querySelector('img');
    image.alt = media.alt || media.filename;
    if (this.shownAs === JSON.stringify(media.srcset) && image.getAttribute('src')) return;
    this.shownAs = JSON.stringify(media.srcset);
    image.onload = () => this.advance('picture');
    image.onerror = () => this.renew();
    const sizes = `${Math.ceil(FRAME_REM * Math.max(1, shapeOf(media)))}rem`;
    if (!fillPicture(picture, media, sizes) && !findVariant(media, 'square')) this.element.dataset.stage = 'plain';
  }

  /* Signed addresses run out in a page left open: ask for new ones, but not in a circle. */
  renew() {
    if (Date.now() - this.renewedAt < RENEW_PAUSE_MS) return;
    this.renewedAt = Date.now();
    this.shownAs = undefined;
    this.handlers.onStale(this.media);
  }

  /* Stages of the developing photo only go forward, whatever order the answers come in. */
  advance(stage) {
    if (DEVELOPING.indexOf(stage) > DEVELOPING.indexOf(this.element.dataset.stage)) this.element.dataset.stage = stage;
  }
}
