import { EntryView } from "./entry-view.js";

/** As many entries or lines as are drawn and let go of together. */
const ENTRIES = 40;
const LINES = 160;
const LINE = 22;

/** Some entries in a row: drawn while they are near what the reader sees, and otherwise an empty space of their height. */
export class Block {
  element = document.createElement("div");
  entries = [];
  #views = null;
  #lines = 0;

  constructor(columns) {
    this.columns = columns;
    this.element.className = "block";
    this.element.block = this;
  }

  get full() {
    return this.entries.length >= ENTRIES || this.#lines >= LINES;
  }

  get drawn() {
    return this.#views !== null;
  }

  /** The seq of its last event. */
  get seq() {
    return this.entries.at(-1).seq;
  }

  push(entry) {
    this.entries.push(entry);
    this.#lines += entry.lines(this.columns);
    if (this.drawn) this.element.append(this.#draw(entry));
  }

  shift() {
    const entry = this.entries.shift();
    this.#views?.get(entry).element.remove();
    this.#views?.delete(entry);
  }

  /** What `entry`, one of these, says has changed. */
  update(entry) {
    this.#views?.get(entry)?.update();
  }

  place(entry) {
    this.#views?.get(entry)?.place();
  }

  viewOf(entry) {
    return this.#views?.get(entry)?.element;
  }

  draw() {
    if (this.drawn) return;
    this.#views = new Map();
    this.element.style.height = "";
    this.element.append(...this.entries.map((entry) => this.#draw(entry)));
  }

  redraw() {
    if (!this.drawn) return;
    this.element.replaceChildren();
    this.#views = null;
    this.draw();
  }

  /** Leaves a space of `height`, or as high as it will be about. */
  clear(height = this.entries.reduce((sum, entry) => sum + entry.lines(this.columns), 0) * LINE) {
    this.#views = null;
    this.element.replaceChildren();
    this.element.style.height = `${height}px`;
  }

  #draw(entry) {
    const view = new EntryView(entry);
    this.#views.set(entry, view);
    return view.element;
  }
}
