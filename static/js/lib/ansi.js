/**
 * What a process wrote, as a terminal would show it: colours become classes, progress bars their last state, and everything
 * else that commands a terminal is left out. Works in one pass over the text, however hostile.
 */

const CONTROLS = /\x1b(?:\[([0-?]*)[ -/]*([@-~]?)|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)|[\x00-\x08\x0b-\x1f\x7f]/g;
/** Characters that reorder or hide their neighbours, and so can make text read as what it is not. */
const REORDERING = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/g;
/** More pieces than this is no longer output for people; the rest goes without colours. */
const MOST_PIECES = 1_000;

const SWITCHES = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };

/** Text in which characters that would reorder it are spelled out instead. */
export function harmless(text) {
  return text.replace(REORDERING, (character) => `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** `[[text, classes], …]` */
export function pieces(text) {
  const found = [];
  const style = { switches: new Set() };
  let from = 0;
  const put = (end) => {
    if (end > from) found.push([text.slice(from, end), found.length < MOST_PIECES ? classesOf(style) : ""]);
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

/** As nodes; neighbours of one style share theirs. */
export function plainNodes(text) {
  const nodes = [];
  let last;
  for (const [piece, classes] of pieces(harmless(text))) {
    if (last?.classes === classes) {
      last.text.data += piece;
      continue;
    }
    last = { classes, text: document.createTextNode(piece) };
    if (!classes) nodes.push(last.text);
    else nodes.push(styled(last.text, classes));
  }
  return nodes;
}

function styled(text, classes) {
  const span = document.createElement("span");
  span.className = classes;
  span.append(text);
  return span;
}

/** A line that was written over shows what was written last. */
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
    else if (code === 38) style.fg = extended(codes);
    else if (code === 48) style.bg = extended(codes);
    else if (code === 39) style.fg = undefined;
    else if (code === 49) style.bg = undefined;
    else colour(style, code);
  }
}

function colour(style, code) {
  const [ten, one] = [Math.floor(code / 10), code % 10];
  if (one > 7) return;
  if (ten === 3 || ten === 9) style.fg = one + (ten === 9 ? 8 : 0);
  if (ten === 4 || ten === 10) style.bg = one + (ten === 10 ? 8 : 0);
}

/** One of 256 colours or any, as the nearest of the sixteen that are legible in both themes. */
function extended(codes) {
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
