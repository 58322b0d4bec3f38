import { element } from "../lib/dom.js";
import { plural } from "../lib/format.js";
import { visible } from "../lib/visible.js";

/** A sub-agent inside the call that started it: a button with its state that folds and unfolds what it says. */
export class ThreadView {
  #entry;
  #head = element("button", { type: "button", class: "thread-head" });
  #inside = element("div", { class: "thread-entries" });

  /**
   * @param {import("./entry.js").Entry} entry
   * @param {import("./transcript.js").Reader} reader
   */
  constructor(entry, { toggle }) {
    this.#entry = entry;
    this.#head.addEventListener("click", () => toggle(entry.thread, this.#head));
    this.element = element("div", { class: "entry-body thread" }, this.#head, this.#inside);
    this.update();
  }

  update() {
    const { thread } = this.#entry;
    if (!thread) return;
    const { open, color, list } = thread;
    thread.shown = open;
    this.element.dataset.thread = String(color);
    this.#head.setAttribute("aria-expanded", String(open));
    this.#head.replaceChildren(...this.#parts(thread));
    this.#inside.hidden = !open || !list?.length;
    if (open && list && list.element.parentNode !== this.#inside) this.#inside.replaceChildren(list.element);
    if (!open) this.#inside.replaceChildren();
  }

  #parts({ name, description, state, count }) {
    const parts = [element("span", { class: "thread-name" }, visible(name))];
    if (description) parts.push(element("span", { class: "thread-about" }, visible(description)));
    if (state) {
      const shape = element("span", { class: "shape" });
      parts.push(element("span", { class: "thread-state", "data-status": state.status }, shape, state.text));
    }
    parts.push(element("span", { class: "thread-count" }, plural(count, "entry", "entries")));
    // Spaces, so that a screen reader doesn't run the words together.
    return parts.flatMap((part) => [part, " "]);
  }
}
