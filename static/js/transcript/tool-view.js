import { ansiNodes } from "../lib/ansi.js";
import { changeCounts, changesView, hunksView } from "../lib/changes.js";
import { element } from "../lib/dom.js";
import { visible } from "../lib/visible.js";
import { STATES, sizeOfChanges, stateOf, toolText } from "./tool-text.js";

/** Lines of a diff that are shown at first, and of a command's output while it is closed. */
const DIFF_LINES = 12;
const TAIL_LINES = 5;
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
    this.#showInside(shown);
    this.#showThread(thread);
  }

  /** Loaded with the first call that is opened. */
  async #showInside(shown) {
    this.#inside.hidden = !shown;
    if (!shown) return this.#inside.replaceChildren();
    const { insideOf } = await import("./tool-inside.js");
    if (!this.#inside.hidden) this.#inside.replaceChildren(...insideOf(this.#entry));
    return undefined;
  }

  /** A sub-agent's heading takes the place of its call's. */
  #showThread(thread) {
    const { ThreadView } = this.#reader;
    if (!thread || !ThreadView) return this.#thread?.element.remove();
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
