// The tables: dead letters with what can be done about them, slow and failed requests.
import { authorized } from './session.js';
import { actButton, durationWords, find, make, say, timeWords } from './dom.js';

const cell = (...children) => make('td', {}, ...children);

/* Rows are only made anew when something changed, so that nobody loses the button under their fingers. */
function fill(id, items, makeRow) {
  const body = find(id).tBodies[0];
  const text = JSON.stringify(items);
  find(`no-${id}`).hidden = items.length > 0;
  find(id).hidden = items.length === 0;
  if (body.shown === text) return;
  body.shown = text;
  body.replaceChildren(...items.map(makeRow));
}

async function settle(letter, method, path, words) {
  await authorized(method, `/v1/admin/dead-letters/${letter.id}${path}`, { tries: 1 });
  say(words);
  await showLetters();
  find('letters-title').focus();
}

function letterRow(letter, inspect) {
  const about = `of media ${letter.media_id}`;
  const redrive = () => settle(letter, 'POST', '/redrive', 'Queued again.');
  const drop = () => settle(letter, 'DELETE', '', 'Dropped.');
  return make(
    'tr',
    {},
    cell(timeWords(letter.created_at)),
    cell(letter.pool),
    cell(make('strong', { textContent: letter.code }), make('span', { className: 'hint', textContent: ` ${letter.detail}` })),
    cell(actButton(letter.media_id, () => inspect(letter.media_id), { className: 'quiet id', 'aria-label': `Inspect media ${letter.media_id}` })),
    cell(
      actButton('Redrive', redrive, { 'aria-label': `Redrive the dead letter ${about}` }),
      actButton('Drop', drop, { className: 'danger', 'aria-label': `Drop the dead letter ${about}` }),
    ),
  );
}

let inspectMedia = () => {};

/** What to call with a media's id when a row's is pressed. */
export function whenInspected(callback) {
  inspectMedia = callback;
}

export async function showLetters() {
  const { data } = await authorized('GET', '/v1/admin/dead-letters');
  fill('letters', data.items, (letter) => letterRow(letter, inspectMedia));
}

export async function showRequests() {
  const { data } = await authorized('GET', '/v1/admin/requests');
  find('requests-hint').textContent = `The latest that took ${data.slow_milliseconds} ms or more, or failed on our side, in the API that answered.`;
  fill('requests', data.items, (one) =>
    make(
      'tr',
      {},
      cell(timeWords(one.at)),
      cell(`${one.method} ${one.route}`),
      cell(one.status === 0 ? 'client gone' : String(one.status)),
      cell(durationWords(one.milliseconds)),
      cell(make('code', { textContent: one.request_id })),
    ),
  );
}
