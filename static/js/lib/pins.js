/** The agents that are pinned in this browser, in order: what "Pinned" shows. The grid's address holds its own list. */

export const MOST_PINS = 9;
const KEY = "agentstream.pins";
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** As many valid ids as a grid holds, each once. */
export function clean(ids) {
  return [...new Set(ids.filter((id) => ID.test(id)).map((id) => id.toLowerCase()))].slice(0, MOST_PINS);
}

export function pins() {
  try {
    return clean(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return [];
  }
}

export function setPins(ids) {
  localStorage.setItem(KEY, JSON.stringify(clean(ids)));
  dispatchEvent(new Event("pinschange"));
}

export function isPinned(id) {
  return pins().includes(id);
}

/** Pins or unpins; a tenth pin takes the place of the first. */
export function togglePin(id) {
  const present = pins();
  setPins(present.includes(id) ? present.filter((one) => one !== id) : [...present, id].slice(-MOST_PINS));
}

export function gridAddress(ids = pins()) {
  return `/pinned/${ids.length ? `?agents=${ids.join(",")}` : ""}`;
}
