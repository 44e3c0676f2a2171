// Elements from data. Text reaches the page as text nodes and attributes only, so that nothing an API says can
// become markup.

const kSvg = 'http://www.w3.org/2000/svg';

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else if (name === 'data') {
      Object.assign(node.dataset, value);
    } else if (name === 'value' || name === 'checked' || name === 'indeterminate') {
      node[name] = value;
    } else if (name === 'href') {
      node.setAttribute(name, safeAddress(value));
    } else {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children) {
    if (child === undefined || child === null || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** h('p', {class: 'hint'}, 'text', node, [more]) */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function s(tag, props, ...children) {
  return fill(document.createElementNS(kSvg, tag), props, children);
}

/** An address that a link may have: anything else (javascript:, data:) leads nowhere. */
export function safeAddress(address) {
  const text = String(address);
  return /^(#|https?:\/\/|\/(?!\/)|blob:)/.test(text) ? text : '#';
}

export function replace(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

let ids = 0;
export function uniqueId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** Tells a screen reader; `urgent` interrupts. */
export function announce(text, urgent = false) {
  const region = document.getElementById(urgent ? 'said-now' : 'said');
  region.textContent = '';
  // The same words twice are said twice only when the region changes in between.
  requestAnimationFrame(() => {
    region.textContent = text;
  });
}

export function focusOn(node) {
  if (!node) return;
  if (!node.matches('a[href],button,input,select,textarea,summary,[tabindex]')) node.setAttribute('tabindex', '-1');
  node.focus({ preventScroll: false });
}

/** Resolves after `ms`, or at once when the view is left; says whether to go on. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve(false);
      return;
    }
    const timer = setTimeout(() => resolve(true), ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve(false);
    }, { once: true });
  });
}
