import { element, plural } from "../lib/dom.js";
import { harmless, plainNodes } from "../lib/ansi.js";

/** A message that is being written is drawn again no sooner than this, and than a multiple of what drawing it takes. */
const PAUSE = 100;
const SHARE = 10;
/** What takes longer than this to parse is shown as it came from then on. */
const TOO_SLOW = 150;

/** How messages are shown, on this page: `raw`, and the Markdown module once it is loaded. */
export const style = { raw: false, markdown: null };

/** An entry as it is drawn. Agents' text goes into text nodes, or through the sanitiser, and nowhere else. */
export class EntryView {
  #entry;
  #text;
  #summary;
  #drawnAt = 0;
  #cost = 0;
  #timer;

  constructor(entry) {
    this.#entry = entry;
    const { type, status } = entry.reading;
    const { role, kind } = entry.payload;
    this.element = element("div", { class: "entry", "data-type": type, "data-role": role, "data-kind": kind, "data-seq": entry.begin });
    this.element.append(this.#clock(), type === "note" ? this.#note(status) : this.#speech());
    this.place();
    this.#draw();
  }

  /** What the entry says has changed. */
  update() {
    const wait = this.#rich && this.#entry.streaming ? Math.max(PAUSE, this.#cost * SHARE) - (performance.now() - this.#drawnAt) : 0;
    clearTimeout(this.#timer);
    if (wait > 0) this.#timer = setTimeout(() => this.#draw(), wait);
    else this.#draw();
  }

  /** What the entry stands behind has changed. */
  place() {
    const { newDay, first, sameSecond, day } = this.#entry;
    this.element.querySelector(":scope > .day")?.remove();
    if (newDay) this.element.prepend(element("div", { class: "day" }, day));
    this.element.toggleAttribute("data-first", first);
    this.element.toggleAttribute("data-same-second", sameSecond);
    this.element.toggleAttribute("data-target", Boolean(this.#entry.target));
  }

  get #rich() {
    return this.#entry.markdown && !style.raw && style.markdown && !this.#entry.tooSlow;
  }

  #clock() {
    const { begin, timestamp, clock } = this.#entry;
    const time = element("time", { datetime: timestamp }, clock);
    return element("a", { class: "entry-time", href: `#${begin}`, title: `${timestamp} · event ${begin}`, tabindex: "-1" }, time);
  }

  #note(status) {
    const body = element("div", { class: "entry-body", "data-status": status });
    if (status) body.append(element("span", { class: "shape" }));
    this.#text = body.appendChild(element("span"));
    return body;
  }

  #speech() {
    const who = element("div", { class: "entry-who" }, harmless(this.#entry.reading.who));
    this.#text = element("div", { class: "entry-text" });
    if (!this.#entry.folds) return element("div", { class: "entry-body" }, who, this.#text);
    this.#summary = element("span", { class: "fold-brief" });
    const summary = element("summary", {}, element("span", { class: "fold-who" }, harmless(this.#entry.reading.who)), this.#summary);
    const fold = element("details", { class: "fold", open: this.#entry.open }, summary, this.#text);
    fold.addEventListener("toggle", () => (this.#entry.open = fold.open));
    return element("div", { class: "entry-body" }, fold);
  }

  #draw() {
    const started = performance.now();
    this.#text.classList.toggle("markdown", Boolean(this.#rich));
    this.#text.replaceChildren(...this.#nodes());
    if (this.#summary) this.#summary.textContent = brief(this.#entry);
    this.#drawnAt = performance.now();
    this.#cost = this.#drawnAt - started;
    if (this.#rich && this.#cost > TOO_SLOW) this.#entry.tooSlow = true;
  }

  #nodes() {
    const { text, streaming } = this.#entry;
    if (!this.#rich || text.length > style.markdown.LONGEST_MARKDOWN) return plainNodes(text);
    try {
      return [style.markdown.markdownNodes(text, !streaming)];
    } catch {
      this.#entry.tooSlow = true;
      this.#text.classList.remove("markdown");
      return plainNodes(text);
    }
  }
}

/** What a folded entry says of itself: the beginning of a call, the size of a result. */
function brief({ text, payload }) {
  const lines = text.trimEnd().split("\n");
  const begin = harmless(lines[0].slice(0, 200));
  return payload.kind === "tool_result" && lines.length > 1 ? `${begin} … ${plural(lines.length, "line")}` : begin;
}
