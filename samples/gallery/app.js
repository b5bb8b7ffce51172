// The gallery page: switches between the log-in form and the contact sheet, and wires the parts to the document.
import { Lightbox } from './lightbox.js';
import { logIn, logOut, resumeSession, sessionEmail, signUp, whenSessionEnds } from './session.js';
import { Sheet } from './sheet.js';
import { errorWords } from './words.js';

const at = (id) => document.getElementById(id);

const sheet = new Sheet(
  { list: at('sheet'), more: at('more'), empty: at('empty'), template: at('tile') },
  { onOpen: (media) => lightbox.open(media), onGone: refocus, announce, complain },
);
const lightbox = new Lightbox(at('lightbox'), {
  onDeleted: (id) => {
    sheet.drop(id);
    refocus();
  },
  onChanged: (media) => sheet.update(media),
  neighbour: (id, step) => sheet.neighbour(id, step),
  announce,
});

whenSessionEnds((words) => {
  showDoor();
  complain(words);
});
wireDoor();
wireDrop();
at('logout').addEventListener('click', () => {
  showDoor();
  logOut().catch((error) => complain(errorWords(error)));
});
at('dismiss-notice').addEventListener('click', () => complain(''));
addEventListener('beforeunload', (event) => sheet.isSending && event.preventDefault());
enter();

/* The first thing a loaded page does: take up the session it had, or ask who is there. */
async function enter() {
  try {
    if (await resumeSession()) showRoom();
    else showDoor();
  } catch (error) {
    showDoor();
    complain(errorWords(error));
  }
}

function wireDoor() {
  const form = at('door-form');
  let creating = false;
  at('door-switch').addEventListener('click', () => {
    creating = !creating;
    at('door-title').textContent = creating ? 'Create your account' : 'Come in';
    at('door-submit').textContent = creating ? 'Create account' : 'Log in';
    at('door-switch').textContent = creating ? 'I have an account: log in' : 'New here? Create an account';
    at('password').autocomplete = creating ? 'new-password' : 'current-password';
    at('door-problem').textContent = '';
    at('email').focus();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    at('door-submit').disabled = true;
    at('door-problem').textContent = '';
    try {
      await (creating ? signUp : logIn)(at('email').value.trim(), at('password').value);
      complain('');
      showRoom();
    } catch (error) {
      at('door-problem').textContent = errorWords(error);
    } finally {
      at('door-submit').disabled = false;
    }
  });
}

/* Photos come in by the file field or by dropping them anywhere on the page. */
function wireDrop() {
  const field = at('files');
  field.addEventListener('change', () => {
    sheet.add([...field.files]);
    field.value = ''; // so that choosing the same photo again is a change again
  });
  const carriesFiles = (event) => sessionEmail() !== null && event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    at('room').classList.add('dropping');
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) at('room').classList.remove('dropping');
  });
  addEventListener('drop', (event) => {
    at('room').classList.remove('dropping');
    if (!carriesFiles(event)) return;
    event.preventDefault();
    sheet.add([...event.dataTransfer.files]);
  });
}

function showRoom() {
  at('door').hidden = true;
  at('room').hidden = false;
  at('account').hidden = false;
  at('who').textContent = sessionEmail();
  at('door-form').reset();
  at('files').focus();
  sheet.start();
}

function showDoor() {
  sheet.clear();
  lightbox.close();
  at('room').hidden = true;
  at('account').hidden = true;
  at('door').hidden = false;
  at('email').focus();
}

/* When what had the focus is gone and nothing took it over, it goes to where the next photo comes in. */
function refocus() {
  if (document.activeElement === document.body) at('files').focus();
}

function announce(words) {
  at('status').textContent = words;
}

/* An empty string takes the notice away. */
function complain(words) {
  at('notice-words').textContent = words;
  at('notice').hidden = words === '';
}
