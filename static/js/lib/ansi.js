import { linked } from "./links.js";
import { escapeBidi } from "./visible.js";

/**
 * Terminal output as text with styles: colors become CSS classes, overwritten lines keep their last state, and all other
 * control sequences are dropped. One pass over the text, whatever it contains.
 */

const CONTROLS =
  /\x1b(?:\[([0-?]*)[ -/]*([@-~]?)|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)|[\x00-\x08\x0b-\x1f\x7f]/g;
/** Text with more spans than this isn't meant for people; the rest is left unstyled. */
const MAX_STYLED_SPANS = 1_000;

const SWITCHES = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };

/** @param {string} text @returns {[text: string, classes: string][]} */
function parseAnsi(text) {
  /** @type {[string, string][]} */
  const found = [];
  const style = { switches: new Set(), fg: undefined, bg: undefined };
  let from = 0;
  const put = (end) => {
    if (end > from) found.push([text.slice(from, end), found.length < MAX_STYLED_SPANS ? classesOf(style) : ""]);
  };
  text = text.includes("\r") ? text.split("\n").map(lastState).join("\n") : text;
  for (const match of text.matchAll(CONTROLS)) {
    put(match.index);
    from = match.index + match[0].length;
    if (match[2] === "m") apply(style, match[1]);
  }
  put(text.length);
  return found;
}

/** The text without its control sequences. @param {string} text */
export function stripAnsi(text) {
  return parseAnsi(text)
    .map(([piece]) => piece)
    .join("");
}

/** The text as nodes, with links; neighbors of the same style share a node. @param {string} text */
export function ansiNodes(text) {
  /** @type {{classes: string, text: string}[]} */
  const runs = [];
  for (const [piece, classes] of parseAnsi(escapeBidi(text))) {
    const last = runs.at(-1);
    if (last?.classes === classes) last.text += piece;
    else runs.push({ classes, text: piece });
  }
  return runs.flatMap((run) => (run.classes ? [styled(linked(run.text), run.classes)] : linked(run.text)));
}

function styled(nodes, classes) {
  const span = document.createElement("span");
  span.className = classes;
  span.append(...nodes);
  return span;
}

/** An overwritten line shows its last state. */
function lastState(line) {
  const end = line.endsWith("\r") ? line.replace(/\r+$/, "") : line;
  return end.slice(end.lastIndexOf("\r") + 1);
}

function classesOf({ switches, fg, bg }) {
  const names = [...switches];
  if (fg !== undefined) names.push(`fg-${fg}`);
  if (bg !== undefined) names.push(`bg-${bg}`);
  return names.map((name) => `ansi-${name}`).join(" ");
}

function apply(style, parameters) {
  const codes = parameters.split(/[;:]/, 64).map(Number);
  while (codes.length) {
    const code = codes.shift();
    if (!code) Object.assign(style, { switches: new Set(), fg: undefined, bg: undefined });
    else if (SWITCHES[code]) style.switches.add(SWITCHES[code]);
    else if (OFF[code]) OFF[code].forEach((name) => style.switches.delete(name));
    else if (code === 38) style.fg = extendedColor(codes);
    else if (code === 48) style.bg = extendedColor(codes);
    else if (code === 39) style.fg = undefined;
    else if (code === 49) style.bg = undefined;
    else setColor(style, code);
  }
}

function setColor(style, code) {
  const [ten, one] = [Math.floor(code / 10), code % 10];
  if (one > 7) return;
  if (ten === 3 || ten === 9) style.fg = one + (ten === 9 ? 8 : 0);
  if (ten === 4 || ten === 10) style.bg = one + (ten === 10 ? 8 : 0);
}

/** A 256-color or RGB color, as the nearest of the sixteen that are legible in both themes. */
function extendedColor(codes) {
  const kind = codes.shift();
  if (kind === 2) return nearest(...codes.splice(0, 3));
  const index = kind === 5 ? codes.shift() : undefined;
  if (!(index >= 0 && index < 256)) return undefined;
  if (index < 16) return index;
  if (index > 231) return index > 243 ? 7 : 8;
  const cube = index - 16;
  return nearest(...[cube / 36, cube / 6, cube].map((part) => (Math.floor(part) % 6) * 51));
}

function nearest(red = 0, green = 0, blue = 0) {
  const most = Math.max(red, green, blue);
  if (!(most > 48)) return 8;
  const base = [red, green, blue].reduce((sum, part, bit) => sum + (part > most * 0.6 ? 1 << bit : 0), 0);
  return most > 200 && base !== 7 ? base + 8 : base;
}
