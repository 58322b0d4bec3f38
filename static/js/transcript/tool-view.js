import { ansiNodes } from "../lib/ansi.js";
import { changeCounts, changesView, hunksView } from "../lib/changes.js";
import { clipped } from "../lib/clip.js";
import { element } from "../lib/dom.js";
import { visible } from "../lib/visible.js";
import { ThreadView } from "./thread-view.js";
import { STATES, commandOf, sizeOfChanges, stateOf, toolText } from "./tool-text.js";

/** Lines of a diff that are shown at first, of a command's output while it is closed, and of anything once it is open. */
const DIFF_LINES = 12;
const TAIL_LINES = 5;
const LINES = 60;
/** In characters: the end of an output is not worth more. */
const MAX_TAIL = 2_000;

/** A tool call with its result: one row that says how it went, and opens to show all of it. */
export class ToolView {
  #entry;
  #head = element("button", { type: "button", class: "tool-head" });
  #preview = element("div", { class: "tool-preview" });
  #inside = element("div", { class: "tool-inside" });
  #thread;
  #reader;
  #shown = "";

  /**
   * @param {import("./entry.js").Entry} entry
   * @param {import("./transcript.js").Reader} reader
   */
  constructor(entry, reader) {
    this.#entry = entry;
    this.#reader = reader;
    this.#head.addEventListener("click", () => this.#toggle());
    this.element = element("div", { class: "entry-body tool" }, this.#head, this.#preview, this.#inside);
    this.update();
  }

  update() {
    const { open } = this.#entry;
    this.element.dataset.state = stateOf(this.#entry);
    const { thread } = this.#entry;
    const shown = thread ? thread.open : open;
    this.#head.hidden = Boolean(thread);
    this.#head.setAttribute("aria-expanded", String(open));
    this.#head.replaceChildren(...headParts(this.#entry));
    this.#showPreview();
    this.#inside.hidden = !shown;
    this.#inside.replaceChildren(...(shown ? insideOf(this.#entry) : []));
    this.#showThread(thread);
  }

  /** A sub-agent's heading takes the place of its call's. */
  #showThread(thread) {
    if (!thread) return this.#thread?.element.remove();
    this.#thread ??= new ThreadView(this.#entry, this.#reader);
    this.#thread.update();
    if (this.#thread.element.parentNode !== this.element) this.element.prepend(this.#thread.element);
    return undefined;
  }

  #toggle() {
    this.#entry.open = !this.#entry.open;
    this.update();
  }

  /** The changes stay, because they are what the call is about; they are drawn once. */
  #showPreview() {
    const { changes } = this.#entry.payload;
    const tail = changes?.length ? "changes" : tailOf(this.#entry);
    if (tail === this.#shown) return;
    this.#shown = tail;
    if (changes?.length) this.#preview.replaceChildren(diffOf(changes));
    else this.#preview.replaceChildren(...(tail ? [element("pre", { class: "tool-tail" }, ...ansiNodes(tail))] : []));
  }
}

function headParts(entry) {
  const { name, brief, title, facts } = toolText(entry);
  const state = stateOf(entry);
  const { changes = [] } = entry.payload;
  const parts = [
    element(
      "span",
      { class: "tool-state", "data-state": state },
      element("span", { class: "visually-hidden" }, STATES[state]),
    ),
    name && element("span", { class: "tool-name" }, visible(name)),
    element("span", { class: "tool-brief", title: title && visible(title) }, visible(brief)),
    changes.length && changeCounts(sizeOfChanges(changes)),
    ...facts.map((fact) => element("span", { class: "tool-fact" }, visible(fact))),
  ];
  // Spaces, so that a screen reader doesn't run the words together.
  return parts.filter(Boolean).flatMap((part) => [part, " "]);
}

const diffOf = (changes) =>
  changes.length === 1 ? hunksView(changes[0].patch, DIFF_LINES) : changesView(changes, DIFF_LINES);

/** The end of a command's output, and of anything that failed. */
function tailOf({ payload: { toolKind }, result, open, thread }) {
  if (!result || open || thread || !(toolKind === "execute" || result.isError)) return "";
  const text = result.text.trimEnd();
  if (!text || text === "(no output)") return "";
  const lines = text.slice(-MAX_TAIL).split("\n");
  const rest = lines.slice(-TAIL_LINES).join("\n");
  return rest.length < text.length ? `…\n${rest}` : rest;
}

/** All of a call, in words; the JSON only for who wants it. */
function insideOf(entry) {
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
  return element("dl", { class: "tool-fields" }, ...rows);
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
