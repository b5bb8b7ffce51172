// One media: its facts, all its variants side by side, its life step by step.
import { authorized } from './session.js';
import { durationWords, find, make, say, timeWords } from './dom.js';

function facts(media) {
  const reason = media.reason_code ? `${media.reason_code}: ${media.reason_detail ?? ''}` : null;
  const rows = {
    State: reason ? `${media.state} (${reason})` : media.state,
    File: `${media.filename}, ${media.content_type ?? media.declared_type}, ${media.size} bytes`,
    Picture: media.width ? `${media.width} × ${media.height}` : 'unknown',
    Owner: media.owner_email ?? media.owner_id,
    Generation: `${media.published_generation} shown, ${media.generation} the newest`,
    'Uploaded to preview': durationWords(media.trace.preview_ms ?? NaN),
    'Uploaded to ready': durationWords(media.trace.ready_ms ?? NaN),
  };
  const list = make('dl', { className: 'facts-list' });
  for (const [name, value] of Object.entries(rows)) list.append(make('dt', { textContent: name }), make('dd', { textContent: value }));
  return list;
}

function picture(variant) {
  const size = `${variant.width} × ${variant.height}`;
  const caption = make('figcaption', {}, make('strong', { textContent: `${variant.name} ${variant.format}` }));
  caption.append(` ${size}, ${variant.bytes} bytes, generation ${variant.generation}`);
  if (!variant.url) return make('figure', { className: 'variant' }, make('p', { textContent: `${variant.state} ${variant.reason_code ?? ''}` }), caption);
  const image = make('img', { src: variant.url, alt: `The variant ${variant.name} as ${variant.format}`, loading: 'lazy', decoding: 'async' });
  const failed = make('p', { className: 'problem', textContent: 'It cannot be shown: see the edge’s log.', hidden: true });
  image.addEventListener('error', () => {
    image.hidden = true;
    failed.hidden = false;
  });
  return make('figure', { className: 'variant' }, make('a', { href: variant.url, target: '_blank', rel: 'noreferrer' }, image), failed, caption);
}

function life(steps) {
  const body = make('tbody');
  let before = 0;
  for (const step of steps ?? []) {
    const row = [timeWords(step.at), durationWords(step.ms), durationWords(step.ms - before), step.what, step.detail ?? ''];
    body.append(make('tr', {}, ...row.map((text) => make('td', { textContent: text }))));
    before = step.ms;
  }
  const head = make('tr', {}, ...['At', 'Since its beginning', 'Step', 'What', 'Detail'].map((text) => make('th', { scope: 'col', textContent: text })));
  return make('div', { className: 'wide' }, make('table', {}, make('caption', { textContent: 'Its life' }), make('thead', {}, head), body));
}

/** Shows the media of that id; throws a Problem when there is none. */
export async function inspect(id) {
  find('media-id').value = id;
  const { data: media } = await authorized('GET', `/v1/admin/media/${encodeURIComponent(id)}`);
  const variants = make('div', { className: 'variants', role: 'group', 'aria-label': 'Variants' }, ...media.variants.map(picture));
  find('media').replaceChildren(facts(media), variants, life(media.trace.steps));
  say(`Media ${id}: ${media.state}, ${media.variants.length} variants.`);
}
