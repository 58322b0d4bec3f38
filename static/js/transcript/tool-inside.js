import { ansiNodes } from "../lib/ansi.js";
import { clipped } from "../lib/clip.js";
import { element } from "../lib/dom.js";
import { visible } from "../lib/visible.js";
import { commandOf } from "./tool-text.js";

/** Lines of anything that are shown at first. */
const LINES = 60;

/** All of a call, in words; the JSON only for who wants it. */
export function insideOf(entry) {
  const { toolKind, toolInput, changes } = entry.payload;
  const input = typeof toolInput === "object" && toolInput ? toolInput : {};
  const parts = [];
  if (entry.thread) return [rawOf(entry)];
  if (toolKind === "execute") parts.push(output(`$ ${commandOf(entry, input)}`));
  else if (!["read", "edit"].includes(toolKind) && Object.keys(input).length) parts.push(fieldsOf(input));
  else if (!Object.keys(input).length && !changes) parts.push(output(entry.text));
  if (entry.result) parts.push(output(entry.result.text));
  return [...parts, rawOf(entry)];
}

const output = (text) => clipped(text.trimEnd(), { lines: LINES, class: "tool-output", draw: ansiNodes });

function fieldsOf(input) {
  const rows = Object.entries(input).flatMap(([key, value]) => [
    element("dt", {}, visible(key)),
    element("dd", {}, clipped(typeof value === "string" ? value : JSON.stringify(value), { lines: LINES })),
  ]);
  return element("dl", { class: "fields tool-fields" }, ...rows);
}

/** Built when it is opened. */
function rawOf({ payload, result }) {
  const details = element("details", { class: "tool-raw" }, element("summary", {}, "Raw"));
  details.addEventListener("toggle", () => {
    if (details.children.length > 1) return;
    const json = JSON.stringify(result ? [payload, result.payload] : payload, null, 2);
    details.append(clipped(json, { lines: LINES, class: "tool-output" }));
  });
  return details;
}
