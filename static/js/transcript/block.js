import { EntryView } from "./entry-view.js";

/** A block is full with this many entries or lines. */
const MAX_ENTRIES = 40;
const MAX_LINES = 160;
const LINE_HEIGHT_PX = 22;

/** Consecutive entries: drawn while they are near the visible part, otherwise an empty space of their height. */
export class Block {
  element = document.createElement("div");
  /** @type {import("./entry.js").Entry[]} */
  entries = [];
  /** @type {Map<import("./entry.js").Entry, EntryView> | null} */
  #views = null;
  #lines = 0;
  #reader;

  /**
   * @param {number} columns the width of a line, in characters
   * @param {import("./transcript.js").Reader} reader
   */
  constructor(columns, reader) {
    this.columns = columns;
    this.#reader = reader;
    this.element.className = "block";
  }

  get full() {
    return this.entries.length >= MAX_ENTRIES || this.#lines >= MAX_LINES;
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

  remove(entry) {
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.elementOf(entry)?.remove();
    this.#views?.delete(entry);
  }

  /** What `entry`, one of these, says has changed. */
  update(entry) {
    this.#views?.get(entry)?.update();
  }

  /** The entry before `entry` has changed. */
  place(entry) {
    this.#views?.get(entry)?.place();
  }

  elementOf(entry) {
    return this.#views?.get(entry)?.element;
  }

  draw() {
    if (this.drawn) return;
    this.#views = new Map();
    this.element.style.height = "";
    this.element.append(...this.entries.map((entry) => this.#draw(entry)));
  }

  redraw() {
    if (!this.drawn) return this.clear();
    this.element.replaceChildren();
    this.#views = null;
    this.draw();
  }

  /** Leaves an empty space of `height` pixels, by default an estimate. */
  clear(height = this.entries.reduce((sum, entry) => sum + entry.lines(this.columns), 0) * LINE_HEIGHT_PX) {
    this.#views = null;
    this.element.replaceChildren();
    this.element.style.height = `${height}px`;
  }

  #draw(entry) {
    const view = new EntryView(entry, this.#reader);
    this.#views.set(entry, view);
    return view.element;
  }
}
