/**
 * The list fills after the page has loaded, and rows get their sizes as they come near, so the browser can't restore how far the
 * reader had scrolled. Instead, the row that was on top is brought back there.
 */

const KEY = `agentstream.scroll ${location.pathname}`;
/** Rows have their sizes by then. */
const SETTLE_MS = 2_000;

let wanted = backTo();
/** @type {ResizeObserver | undefined} */
let observer;

addEventListener("pagehide", () => sessionStorage.setItem(KEY, JSON.stringify(topRow())));
for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(name, stop, { once: true });

/** After Back, scrolls to where the reader was; call this once rows are drawn. */
export function restoreScroll() {
  if (!wanted || observer) return;
  observer = new ResizeObserver(scroll);
  observer.observe(document.body);
  setTimeout(stop, SETTLE_MS);
}

function scroll() {
  const row = document.querySelector(`.agent-row[data-agent="${wanted.agent}"]`);
  if (row) scrollBy(0, row.getBoundingClientRect().top - wanted.top);
}

function stop() {
  observer?.disconnect();
  wanted = null;
}

function topRow() {
  for (const row of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".agent-row"))) {
    const { top, bottom } = row.getBoundingClientRect();
    if (bottom > 0) return scrollY ? { agent: row.dataset.agent, top } : null;
  }
  return null;
}

function backTo() {
  const [entry] = performance.getEntriesByType("navigation");
  const back = /** @type {PerformanceNavigationTiming} */ (entry)?.type === "back_forward";
  return back ? JSON.parse(sessionStorage.getItem(KEY) ?? "null") : null;
}
