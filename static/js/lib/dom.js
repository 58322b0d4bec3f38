/**
 * Builds an element. Children are nodes or text, never markup: agents' text can't be trusted.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes] undefined, null and false omit an attribute; true sets it to ""
 * @param {...(Node | string)} children
 * @returns {any} any, because the name says which element it is
 */
export function element(name, attributes = {}, ...children) {
  const built = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      built.setAttribute(key, value === true ? "" : String(value));
    }
  }
  built.append(...children);
  return built;
}

/**
 * Finds the parts of a page: `part("name")` is the element with the attribute `data-name`.
 * @param {ParentNode} root
 * @returns {(name: string) => any} any, because the template says which element it is
 */
export function partsOf(root) {
  return (name) => root.querySelector(`[data-${name}]`);
}

/**
 * Makes `wanted` the children of `parent`, moving only those out of place, so that focus and animations survive.
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function arrange(parent, wanted) {
  const { activeElement } = document;
  const focused = activeElement instanceof HTMLElement && parent.contains(activeElement) ? activeElement : null;
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

/**
 * Handles a form's submissions. Its button comes disabled: before this, the browser would send the form itself and reload the page.
 * @param {HTMLFormElement} form
 * @param {() => void} handle
 */
export function onSubmit(form, handle) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    handle();
  });
  /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]")).disabled = false;
}

/**
 * Limits calls of `act` to one per frame; a hidden tab has no frames and uses a timer.
 * @param {() => void} act
 */
export function oncePerFrame(act) {
  let waiting = false;
  const run = () => {
    waiting = false;
    act();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  };
}

const FRAME_MS = 16;
/** A redraw may take at most this share of the time. */
const MAX_SHARE = 1 / 5;

/**
 * Limits calls of `act`, which may be slow, to one per frame and to a share of the main thread's time.
 * @param {() => void} act
 */
export function paced(act) {
  let waiting = false;
  let readyAt = 0;
  const draw = oncePerFrame(() => {
    const started = performance.now();
    waiting = false;
    act();
    const ended = performance.now();
    readyAt = ended + (ended - started) * (1 / MAX_SHARE - 1);
  });
  return () => {
    if (waiting) return;
    waiting = true;
    const wait = readyAt - performance.now();
    if (wait > FRAME_MS) setTimeout(draw, wait);
    else draw();
  };
}

/**
 * Loads styles that most pages don't need.
 * @param {string} href
 * @returns {Promise<void>} once they apply, or have failed to load
 */
export function stylesheet(href) {
  const known = document.querySelector(`link[href="${CSS.escape(href)}"]`);
  if (known) return Promise.resolve();
  return new Promise((resolve) => {
    const link = element("link", { rel: "stylesheet", href });
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
}
