/** The agents pinned in this browser, in order. The grid of pinned agents has its own list in its address. */

export const MAX_PINS = 9;
const KEY = "agentstream.pins";
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The valid ids, each once, as many as fit the grid. @param {string[]} ids */
export function clean(ids) {
  return [...new Set(ids.filter((id) => ID.test(id)).map((id) => id.toLowerCase()))].slice(0, MAX_PINS);
}

/** @returns {string[]} */
export function pins() {
  try {
    return clean(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return [];
  }
}

function setPins(ids) {
  localStorage.setItem(KEY, JSON.stringify(clean(ids)));
  dispatchEvent(new Event("pinschange"));
}

/** @param {string} id */
export function isPinned(id) {
  return pins().includes(id);
}

/** Pins or unpins; a new pin beyond the limit replaces the first. @param {string} id */
export function togglePin(id) {
  const pinned = pins();
  setPins(pinned.includes(id) ? pinned.filter((one) => one !== id) : [...pinned, id].slice(-MAX_PINS));
}

export function gridAddress(ids = pins()) {
  return `/pinned/${ids.length ? `?agents=${ids.join(",")}` : ""}`;
}
