/** How long an element must have stood still for a click on it to be deliberate. */
const SETTLE_MS = 600;
const LOOK_INTERVAL_MS = 100;
/** Less than this is rounding, or the end of an animation. */
const SLACK_PX = 3;
/** How long after a wheel or a finger has moved scrolling counts as the reader's own. */
const OWN_SCROLL_MS = 1_000;

/** @type {Map<Element, {onchange: (steady: boolean) => void, top: number, left: number, movedAt: number}>} */
const watched = new Map();
let timer;
let scrolled = false;
let gestureAt = -Infinity;

const inView = globalThis.IntersectionObserver && new IntersectionObserver((changes) => changes.forEach(seen));

/**
 * Watches an element's position in the window.
 * @param {Element} element
 * @param {(steady: boolean) => void} onchange called with false once it appears or moves, with true once it has stood still
 */
export function watchPlace(element, onchange) {
  listen();
  watched.set(element, { onchange, top: NaN, left: NaN, movedAt: performance.now() });
  onchange(false);
  inView.observe(element);
}

/** @param {Element} element */
export function unwatchPlace(element) {
  inView.unobserve(element);
  watched.delete(element);
}

/** Whether a watched element is in view and has stood still. @param {Element} element */
export function isSteady(element) {
  look();
  return performance.now() - watched.get(element)?.movedAt >= SETTLE_MS;
}

function seen({ target, isIntersecting }) {
  const place = watched.get(target);
  if (!place) return;
  Object.assign(place, { top: NaN, movedAt: isIntersecting ? performance.now() : NaN });
  timer ??= setInterval(look, LOOK_INTERVAL_MS);
}

function look() {
  const now = performance.now();
  let inSight = 0;
  for (const [element, place] of watched) {
    if (Number.isNaN(place.movedAt)) continue;
    inSight++;
    const { top, left } = element.getBoundingClientRect();
    const moved = !(Math.abs(top - place.top) <= SLACK_PX && Math.abs(left - place.left) <= SLACK_PX);
    if (moved && !(scrolled && now - gestureAt < OWN_SCROLL_MS)) place.movedAt = now;
    Object.assign(place, { top, left });
    place.onchange(now - place.movedAt >= SETTLE_MS);
  }
  scrolled = false;
  if (!inSight) timer = clearInterval(timer);
}

/** While the tab was hidden, everything may have moved. */
function shown() {
  if (document.hidden) return;
  for (const place of watched.values()) if (!Number.isNaN(place.movedAt)) place.movedAt = performance.now();
}

let listening = false;

function listen() {
  if (listening) return;
  listening = true;
  const gesture = () => (gestureAt = performance.now());
  for (const name of ["wheel", "touchmove"]) addEventListener(name, gesture, { passive: true, capture: true });
  addEventListener("scroll", () => (scrolled = true), { passive: true, capture: true });
  document.addEventListener("visibilitychange", shown);
}
