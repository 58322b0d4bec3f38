const STEPS = { ArrowUp: /** @type {const} */ (-1), ArrowDown: /** @type {const} */ (1) };

/** Lets the keyboard reach the links to single entries: one at a time is in the tab order, and the arrow keys move on from it. */
export class Permalinks {
  #transcript;
  #entry;
  #link;

  /**
   * @param {HTMLElement} scroller
   * @param {import("./transcript.js").Transcript} transcript
   */
  constructor(scroller, transcript) {
    this.#transcript = transcript;
    scroller.addEventListener("focus", () => this.#moveTo(transcript.atTop));
    if (scroller === document.activeElement) this.#moveTo(transcript.atTop);
    scroller.addEventListener("keydown", (event) => this.#pressed(event));
  }

  #pressed(event) {
    const step = STEPS[event.key];
    if (!step || event.target !== this.#link) return;
    event.preventDefault();
    const next = this.#transcript.beside(this.#entry, step);
    if (!next) return;
    this.#transcript.draw(next);
    this.#moveTo(next);
    this.#link.focus();
  }

  #moveTo(entry) {
    const link = entry && this.#transcript.elementOf(entry)?.querySelector(":scope > .entry-time");
    if (!link) return;
    if (this.#link) this.#link.tabIndex = -1;
    link.tabIndex = 0;
    this.#link = link;
    this.#entry = entry;
  }
}
