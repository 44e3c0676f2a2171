// What several views are made of. Every state is said in words and by a mark, never by colour alone.
import { announce, focusOn, h, replace, uniqueId } from './dom.js';

// Of servers, authorization servers, agents, connections, keys, operations, checks and events alike.
const kStates = {
  ACTIVE: ['good', '✓', 'Active'],
  INACTIVE: ['idle', '○', 'Inactive'],
  PENDING: ['wait', '…', 'Pending'],
  STAGED: ['wait', '…', 'Staged'],
  INVALID: ['bad', '✕', 'Invalid'],
  VERIFIED: ['good', '✓', 'Verified'],
  UNVERIFIED: ['idle', '○', 'Not verified yet'],
  VERIFYING: ['wait', '…', 'Verifying'],
  FAILED: ['bad', '✕', 'Failed'],
  SCHEDULED: ['wait', '…', 'Scheduled'],
  IN_PROGRESS: ['wait', '…', 'In progress'],
  COMPLETED: ['good', '✓', 'Completed'],
  PASS: ['good', '✓', 'Passed'],
  WARN: ['warn', '!', 'Warning'],
  FAIL: ['bad', '✕', 'Failed'],
  SKIP: ['idle', '–', 'Skipped'],
  SUCCESS: ['good', '✓', 'Success'],
  FAILURE: ['bad', '✕', 'Failure'],
  DENY: ['bad', '✕', 'Denied'],
  ALLOW: ['good', '✓', 'Allowed'],
};

export function badge(state, words) {
  const [kind, mark, name] = kStates[state] ?? ['idle', '○', String(state ?? 'unknown')];
  return h('span', { class: `badge ${kind}` }, h('span', { 'aria-hidden': 'true', class: 'mark' }, mark), words ?? name);
}

export function yesNo(value, yes = 'Yes', no = 'No') {
  return h('span', { class: `badge ${value ? 'good' : 'idle'}` }, h('span', { 'aria-hidden': 'true', class: 'mark' }, value ? '✓' : '–'), value ? yes : no);
}

export const code = (text) => h('code', {}, text);

/** A moment, in the reader's own zone, with the exact one as given in a tooltip. */
export function when(moment) {
  const date = moment ? new Date(moment) : null;
  if (!date || Number.isNaN(date.getTime())) return h('span', { class: 'quiet' }, '–');
  const part = (style) => h('span', {}, new Intl.DateTimeFormat(undefined, style).format(date));
  return h('time', { datetime: date.toISOString(), title: date.toISOString() }, part({ dateStyle: 'medium' }), ' ', part({ timeStyle: 'medium' }));
}

/** [[label, value], ...] as a list of terms; rows without a value are left out. */
export function facts(rows) {
  return h('dl', { class: 'facts' }, rows
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([label, value]) => h('div', {}, h('dt', {}, label), h('dd', {}, value))));
}

export function words(list, none = '–') {
  if (!list?.length) return h('span', { class: 'quiet' }, none);
  return h('ul', { class: 'chips' }, list.map((word) => h('li', {}, word)));
}

// What is wider than its frame must be reached by keyboard to be scrolled; what fits needs no stop of its own.
const frames = globalThis.ResizeObserver && new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.setAttribute('tabindex', '0');
    else target.removeAttribute('tabindex');
  }
});

export function scroller(kind, label, ...content) {
  const frame = h('div', { class: kind, role: 'group', 'aria-label': label }, content);
  frames?.observe(frame);
  return frame;
}

/**
 * columns: [{name, cell(row), unseen?}]. The roles are said again, because narrow screens show rows as blocks
 * (console.css) and some browsers then forget that it is a table.
 */
export function table(caption, columns, rows, { row: rowProps } = {}) {
  return scroller('table-frame', caption,
    h('table', { role: 'table' },
      h('caption', { class: 'unseen' }, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((column) => h('th', { scope: 'col', role: 'columnheader' }, column.unseen ? h('span', { class: 'unseen' }, column.name) : column.name)))),
      h('tbody', { role: 'rowgroup' }, rows.map((row) => h('tr', { role: 'row', ...rowProps?.(row) }, columns.map((column) => h('td', { role: 'cell', 'data-label': column.unseen ? '' : column.name }, column.cell(row))))))));
}

export function empty(title, text, ...actions) {
  return h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, title), h('p', {}, text), actions.length > 0 && h('p', { class: 'actions' }, actions));
}

export function notice(kind, ...content) {
  return h('div', { class: `notice ${kind}` }, content);
}

/** What went wrong, with Okta's codes, for people and for whoever they ask. */
export function problem(error, again) {
  const causes = (error.causes ?? []).filter((cause) => cause?.errorSummary && cause.errorSummary !== error.message);
  return h('div', { class: 'notice bad', role: 'alert', tabindex: '-1' },
    h('p', {}, h('strong', {}, error.message)),
    causes.length > 0 && h('ul', {}, causes.map((cause) => h('li', {}, cause.errorSummary, cause.reason && [' (', code(cause.reason), ')'], cause.location && [' in ', code(cause.location)]))),
    (error.code || error.id) && h('p', { class: 'quiet' }, [error.code, error.id && `error ${error.id}`].filter(Boolean).join(' · ')),
    again && h('p', { class: 'actions' }, button('Try again', again)));
}

export function loading(text = 'Loading …') {
  return h('p', { class: 'loading', role: 'status' }, text);
}

export function button(text, action, { kind = 'quiet', ...more } = {}) {
  return h('button', { type: 'button', class: `button ${kind}`, on: action && { click: action }, ...more }, text);
}

export function link(text, href, { kind, ...more } = {}) {
  return h('a', { href, class: kind && `button ${kind}`, ...more }, text);
}

/** Runs it with the button disabled; what it throws is shown in `place`. Says whether it went well. */
export async function attempt(control, place, action) {
  if (control?.getAttribute('aria-disabled') === 'true') return false;
  // aria-disabled, not disabled: that would take the focus away from it.
  control?.setAttribute('aria-disabled', 'true');
  replace(place);
  try {
    await action();
    return true;
  } catch (error) {
    if (error.name === 'AbortError') return false;
    replace(place, problem(error));
    focusOn(place.firstElementChild);
    return false;
  } finally {
    control?.removeAttribute('aria-disabled');
  }
}

/**
 * For a page that shows one thing and changes it: gives act(control, action, done, focus). `action` may give false for
 * "thought better of it", and then nothing happens. Otherwise the thing is read again, also after a refusal, which may
 * have come because it is not as it was shown; `done` (text, or a function that gives it) is announced, and the focus
 * goes to what `focus` selects in `page`.
 */
export function changer({ signal, page, trouble, reread, show }) {
  return async (control, action, done, focus = 'h1') => {
    let went = true;
    const ok = await attempt(control, trouble, async () => {
      try {
        went = (await action()) !== false;
      } catch (error) {
        if (!signal.aborted) await reread().catch(() => undefined);
        throw error;
      }
      if (went && !signal.aborted) await reread();
    });
    if (signal.aborted || (ok && !went)) return;
    show();
    if (ok) announce(typeof done === 'function' ? done() : done);
    focusOn(ok ? (page.querySelector(focus) ?? page.querySelector('h1')) : trouble.firstElementChild);
  };
}

/** A labelled control. `control` is made by the caller, without an id. */
export function field(label, control, { hint, optional } = {}) {
  const id = uniqueId('f');
  control.id = id;
  const note = hint && h('p', { class: 'hint', id: `${id}-hint` }, hint);
  if (note) control.setAttribute('aria-describedby', note.id);
  return h('div', { class: 'field' }, h('label', { for: id }, label, optional && h('span', { class: 'quiet' }, ' (optional)')), control, note);
}

export function input(name, props = {}) {
  return h('input', { name, type: 'text', autocomplete: 'off', spellcheck: 'false', ...props });
}

/** choices: [[value, text], ...] */
export function select(name, choices, chosen, props = {}) {
  return h('select', { name, ...props }, choices.map(([value, text]) => h('option', { value, selected: value === chosen }, text)));
}

/** One of several, as radio buttons. choices: [[value, text, hint?], ...] */
export function choice(legend, name, choices, chosen, onChange) {
  return h('fieldset', { class: 'choice' }, h('legend', {}, legend), choices.map(([value, text, hint]) => {
    const id = uniqueId('c');
    return h('div', { class: 'option' },
      h('input', { type: 'radio', name, id, value, checked: value === chosen, 'aria-describedby': hint && `${id}-hint`, on: { change: () => onChange?.(value) } }),
      h('label', { for: id }, text), hint && h('p', { class: 'hint', id: `${id}-hint` }, hint));
  }));
}

export function checkbox(name, text, { checked = false, hint, on, value } = {}) {
  const id = uniqueId('b');
  return h('div', { class: 'option' }, h('input', { type: 'checkbox', name, id, checked, value: value ?? 'on', 'aria-describedby': hint && `${id}-hint`, on }), h('label', { for: id }, text), hint && h('p', { class: 'hint', id: `${id}-hint` }, hint));
}

/** "a, b c" and lines: the words. */
export const splitWords = (text) => String(text ?? '').split(/[\s,]+/).filter(Boolean);

/**
 * A form whose errors stand in it, in front of its buttons. `submit(values, form)` may throw.
 * Values: one text per name; a list for names with several checked boxes goes by FormData.getAll in submit.
 */
export function form(content, { action, submit, cancel, name, kind = 'primary' }) {
  const place = h('div', {});
  const send = h('button', { type: 'submit', class: `button ${kind}` }, action);
  const node = h('form', { 'aria-label': name, on: {
    submit: (event) => {
      event.preventDefault();
      const data = new FormData(node);
      attempt(send, place, () => submit(Object.fromEntries(data), data));
    },
  } }, content, place, h('p', { class: 'actions' }, send, cancel && button('Cancel', cancel)));
  return node;
}

/**
 * Asks before something is done. `content` may hold controls; `act(data)` may throw, which is shown and leaves
 * the question open. Resolves to whether it was done. The focus goes back to where it was.
 */
export function ask({ title, content = [], action, danger = false, act }) {
  return new Promise((resolve) => {
    const from = document.activeElement;
    const heading = h('h2', { id: uniqueId('t') }, title);
    let done = false;
    const dialog = h('dialog', { 'aria-labelledby': heading.id }, heading, form(content, {
      action,
      kind: danger ? 'danger' : 'primary',
      name: title,
      cancel: () => dialog.close(),
      submit: async (_values, data) => {
        await act(data);
        done = true;
        dialog.close();
      },
    }));
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (from?.isConnected) focusOn(from);
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A section with a heading that links can lead to. */
export function section(title, id, ...content) {
  return h('section', { class: 'part' }, h('h2', { id }, title), content);
}

/**
 * A list that is read page by page, forth and back. `read(after)` gives {rows, next}; `show(rows)` gives nodes.
 */
export function pages(read, show, { name }) {
  const place = h('div', { class: 'pages' });
  const cursors = [''];
  async function open(focus) {
    replace(place, loading());
    try {
      const { rows, next } = await read(cursors.at(-1));
      const number = cursors.length;
      const back = number > 1 && button('Previous page', () => {
        cursors.pop();
        open(true);
      });
      const forth = next && button('Next page', () => {
        cursors.push(next);
        open(true);
      });
      const body = h('div', {}, show(rows, number));
      replace(place, body, (back || forth) && h('nav', { class: 'pager', 'aria-label': `Pages of ${name}` }, back, h('span', {}, `Page ${number}`), forth));
      announce(`${rows.length} ${name} on this page`);
      if (focus) focusOn(body);
    } catch (error) {
      if (error.name === 'AbortError') return;
      replace(place, problem(error, () => open(true)));
    }
  }
  return { node: place, open: () => {
    cursors.length = 1;
    return open(false);
  } };
}

export const nameOf = (server) => server.metadata?.displayName || server.displayName || server.detectedMetadata?.resourceName || server.resourceUrl || server.id;

/** Offers a file of the page's own making. */
export function save(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const anchor = h('a', { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
