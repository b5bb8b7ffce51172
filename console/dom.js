// Making elements, and saying things to people.

/** An element with properties, attributes (names with a dash, or role) and children; texts are texts, never markup. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-') || key === 'role' || key === 'for' || key === 'list') element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

export const find = (id) => document.getElementById(id);

/** Told to screen readers, politely; seen nowhere. */
export function say(words) {
  find('status').textContent = words;
}

/** Shown at the top until it is dismissed or replaced; '' hides it. */
export function warn(words) {
  find('notice-words').textContent = words;
  find('notice').hidden = words === '';
}

export function timeWords(time) {
  return new Date(time).toLocaleTimeString(undefined, { hour12: false });
}

export function durationWords(milliseconds) {
  if (!Number.isFinite(milliseconds)) return '–';
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 120_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** A button that cannot be pressed again before what it does is over; failures are shown. */
export function actButton(label, act, properties = {}) {
  const button = make('button', { type: 'button', textContent: label, ...properties });
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      warn(error.message);
    } finally {
      button.disabled = false;
    }
  });
  return button;
}
