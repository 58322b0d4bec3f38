import { Entry } from "./entry.js";
import { oncePerFrame } from "./follow-workspace.js";

/** How many entries the page keeps: what anybody reads on the way, and twice that while somebody is reading. */
export const KEPT = 5_000;
export const KEPT_WHILE_READING = 10_000;

/**
 * The entries on the page: a window onto the stream that ends at its newest event and begins after `from`.
 * `follower` keeps the reader's place; `onchange` is told when entries or `from` changed.
 */
export class Transcript {
  /** The seq after which the first entry begins. */
  from = 0;
  #list;
  #follower;
  #onchange;
  #entries = [];
  #arrived = [];
  #render = oncePerFrame(() => this.#flush());

  constructor(list, follower, onchange) {
    this.#list = list;
    this.#follower = follower;
    this.#onchange = onchange;
  }

  get length() {
    return this.#entries.length;
  }

  get full() {
    return this.length >= KEPT_WHILE_READING;
  }

  reset(from) {
    this.from = from;
    this.#entries = [];
    this.#arrived = [];
    this.#list.replaceChildren();
    this.#onchange();
  }

  append(event) {
    this.#arrived.push(event);
    this.#render();
  }

  /** Puts the events after `from`, up to the present beginning, in front. */
  prepend(events, from) {
    this.#flush();
    const earlier = this.#build(events);
    this.#follower.keepPlace(() => {
      const [first] = this.#entries;
      if (first && earlier.at(-1)?.absorb(first)) this.#entries.shift().element.remove();
      this.#list.prepend(...earlier.map((entry) => entry.element));
      this.#entries[0]?.follow(earlier.at(-1) ?? null);
    });
    this.#entries.unshift(...earlier);
    this.from = from;
    this.#onchange();
  }

  #build(events, last) {
    const entries = [];
    for (const event of events) {
      const previous = entries.at(-1) ?? last;
      if (previous?.extend(event)) continue;
      const entry = new Entry(event);
      entry.follow(previous ?? null);
      entries.push(entry);
    }
    return entries;
  }

  #flush() {
    if (!this.#arrived.length) return;
    const events = this.#arrived.splice(0);
    this.#follower.grow(events.length, () => {
      const entries = this.#build(events, this.#entries.at(-1));
      this.#entries.push(...entries);
      this.#list.append(...entries.map((entry) => entry.element));
    });
    this.#trim();
    this.#onchange();
  }

  #trim() {
    const excess = this.length - (this.#follower.following ? KEPT : KEPT_WHILE_READING);
    if (excess <= 0) return;
    this.#follower.keepPlace(() => {
      const gone = this.#entries.splice(0, excess);
      gone.forEach((entry) => entry.element.remove());
      this.from = gone.at(-1).seq;
      this.#entries[0].follow(null);
    });
  }
}
