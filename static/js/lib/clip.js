import { element } from "./dom.js";
import { formatNumber } from "./format.js";
import { visible } from "./visible.js";

/** A wrapped line may be as long as all of the others together, so characters count too. */
const CHARACTERS_PER_LINE = 160;

/**
 * Text that may be long: its beginning, and a button that shows the rest.
 * @param {string} text
 * @param {object} options
 * @param {number} options.lines how many lines to show at first; a few more aren't cut
 * @param {string} [options.class]
 * @param {(text: string) => (Node | string)[]} [options.draw] draws text, in whole lines if possible
 * @returns {HTMLElement}
 */
export function clipped(text, { lines, class: className = "", draw = (part) => [visible(part)] }) {
  const pre = element("pre", { class: className });
  const beginning = beginningOf(text, lines);
  pre.append(...draw(beginning));
  if (beginning.length === text.length) return pre;
  const button = element("button", { type: "button", class: "button quiet clip-more", "aria-expanded": "false" });
  const label = (open) => (button.textContent = open ? "Show less" : `Show all ${sizeOf(text, lines)}`);
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", String(open));
    pre.replaceChildren(...draw(open ? text : beginning));
    around.toggleAttribute("data-cut", !open);
    label(open);
  });
  label(false);
  const around = element("div", { class: "clip", "data-cut": true }, pre, button);
  return around;
}

function beginningOf(text, lines) {
  const slack = Math.ceil(lines / 4);
  const all = text.split("\n", lines + slack + 1);
  const cut = all.length > lines + slack ? all.slice(0, lines).join("\n") : text;
  const most = lines * CHARACTERS_PER_LINE;
  return cut.length > most ? [...cut.slice(0, most)].slice(0, -1).join("") : cut;
}

function sizeOf(text, lines) {
  const count = text.replace(/\n$/, "").split("\n").length;
  return count > lines ? `${formatNumber(count)} lines` : `${formatNumber(text.length)} characters`;
}
