import { changeCounts } from "../lib/changes.js";
import { element, paced } from "../lib/dom.js";
import { visible } from "../lib/visible.js";
import { sizeOfChanges } from "./tool-text.js";

const BEGINNINGS = new Set(["started", "resumed", "cleared"]);
const MAX_LISTED = 100;

/** The files that tools have changed in the current session, as far as its events are loaded. */
export class ChangedFiles {
  #section;
  #list = element("ol");
  /** By seq. @type {Map<number, {path: string, patch: string}[]>} */
  #changes = new Map();
  #since = 0;
  #draw = paced(() => this.#render());

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#section = section;
    section.append(this.#list);
  }

  reset() {
    this.#changes.clear();
    this.#since = 0;
    this.#draw();
  }

  /** @param {...any} events */
  add(...events) {
    for (const { type, payload, seq } of events) {
      if (type === "agent:session" && BEGINNINGS.has(payload.change)) this.#since = Math.max(this.#since, seq);
      else if (type === "agent:output" && payload.changes?.length) this.#changes.set(seq, payload.changes);
      else continue;
      this.#draw();
    }
  }

  #render() {
    const files = new Map();
    for (const seq of [...this.#changes.keys()].filter((one) => one > this.#since).sort((one, other) => one - other)) {
      for (const change of this.#changes.get(seq)) {
        const { changes = [] } = files.get(change.path) ?? {};
        files.set(change.path, { seq, changes: [...changes, change] });
      }
    }
    this.#section.hidden = !files.size;
    this.#list.replaceChildren(...[...files].slice(-MAX_LISTED).map(fileView));
  }
}

/** A link to the latest change. */
function fileView([path, { seq, changes }]) {
  const name = element("span", { class: "change-path" }, visible(path));
  return element(
    "li",
    {},
    element("a", { href: `#${seq}`, title: visible(path) }, name, " ", changeCounts(sizeOfChanges(changes))),
  );
}
