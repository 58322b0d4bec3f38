import { element } from "./dom.js";

/** Announcements within this time are combined. */
const GATHER_MS = 500;
/** More than this would take too long to listen to. */
const MAX_SAID = 3;

let region;
let waiting = [];

/**
 * Makes screen readers announce `text` without interrupting.
 * @param {string} text
 */
export function announce(text) {
  if (!region) document.body.append((region = element("div", { class: "visually-hidden", "aria-live": "polite" })));
  if (waiting.push(text) === 1) setTimeout(say, GATHER_MS);
}

function say() {
  const more = waiting.length - MAX_SAID;
  const said = more > 0 ? [...waiting.slice(0, MAX_SAID), `And ${more} more.`] : waiting;
  waiting = [];
  region.replaceChildren(...said.map((text) => element("p", {}, text)));
}
