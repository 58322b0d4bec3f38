import { element } from "./dom.js";

/** Enough for any honest text; more would only slow the page down. */
const MAX_LINKS = 200;
/** In characters. */
const MAX_LENGTH = 2_000;

/** An address ends at white space, quotes, brackets, control characters and the marks around spelled-out ones. */
const ADDRESS = /\bhttps?:\/\/[^\s"'`<>\\^{|}⟨⟩\p{C}]+/giu;

/** Text in these scripts runs from right to left, and could show the parts of an address in another order. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** A host in other scripts can look like a well-known one. */
const HOST = /^[a-z0-9.-]+(?::\d+)?$|^\[[0-9a-f:.]+\](?::\d+)?$/i;

/**
 * The text as nodes, with web addresses as links. Output is hostile: an address whose looks could deceive stays text.
 * @param {string} text with its bidirectional control characters spelled out
 * @returns {(string | HTMLElement)[]}
 */
export function linked(text) {
  if (!text.includes("://")) return [text];
  const nodes = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    if (nodes.length > 2 * MAX_LINKS) break;
    const address = trimmed(found);
    if (address.length > MAX_LENGTH || !isPlain(address)) continue;
    nodes.push(text.slice(from, index), linkTo(address));
    from = index + address.length;
  }
  return [...nodes, text.slice(from)].filter((node) => node !== "");
}

/** Makes a link open outside this page, and tells the other site nothing. @param {HTMLAnchorElement} link */
export function openOutside(link) {
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}

const linkTo = (address) => openOutside(element("a", { class: "address", href: address }, address));

/** Without the punctuation of the sentence around it; brackets that it opens itself stay. */
function trimmed(address) {
  const left = { ")": unmatched(address, "(", ")"), "]": unmatched(address, "[", "]") };
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1];
    if (".,;:!?*_~".includes(last)) continue;
    if (!(left[last] > 0)) break;
    left[last]--;
  }
  return address.slice(0, end);
}

/** How many more brackets it closes than it opens. */
const unmatched = (address, opener, closer) => address.split(closer).length - address.split(opener).length;

/** Whether the address leads to where it seems to lead: no user before the host, no foreign script in it. */
function isPlain(address) {
  const host = /^https?:\/\/([^/?#]*)/i.exec(address)[1];
  return HOST.test(host) && !RIGHT_TO_LEFT.test(address) && URL.canParse(address);
}
