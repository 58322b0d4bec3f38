import { oncePerFrame } from "../lib/dom.js";
import { formatNumber } from "../lib/format.js";

const SEARCH_DELAY_MS = 150;
/** Highlighting more matches than this helps nobody. */
const MAX_HIGHLIGHTS = 2_000;

/** Finds text in a transcript, and loads earlier events to search them too. */
export class Search {
  #transcript;
  #loadEarlier;
  #field;
  #count;
  #buttons;
  #text = "";
  #found = [];
  #current = null;
  #timer;
  #searching = false;
  #renderHighlights = oncePerFrame(() => this.#highlight());

  /**
   * @param {HTMLFormElement} form
   * @param {import("./transcript.js").Transcript} transcript
   * @param {HTMLElement} list
   * @param {() => Promise<boolean>} loadEarlier resolves to false when there is nothing earlier
   */
  constructor(form, transcript, list, loadEarlier) {
    this.#transcript = transcript;
    this.#loadEarlier = loadEarlier;
    this.#field = form.querySelector("input");
    this.#count = form.querySelector("[data-search-count]");
    this.#buttons = [...form.querySelectorAll("button")];
    this.#field.addEventListener("input", () => this.#typed());
    form.addEventListener("submit", (event) => event.preventDefault());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    for (const button of this.#buttons) button.addEventListener("click", () => this.#go(Number(button.dataset.step)));
    new MutationObserver(() => this.#text && this.#renderHighlights()).observe(list, {
      childList: true,
      subtree: true,
      characterData: true,
    });
    // Somebody may have typed before this was loaded.
    if (this.#field.value) this.#typed();
    this.#showCount();
  }

  /** The transcript has changed. */
  changed() {
    if (this.#text) this.#soon();
  }

  #typed() {
    this.#text = this.#field.value.trim().toLowerCase();
    this.#current = null;
    this.#soon();
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#find();
    }, SEARCH_DELAY_MS);
  }

  #find() {
    const text = this.#text;
    this.#found = text
      ? [...this.#transcript.entries()].filter((entry) => entry.words.toLowerCase().includes(text))
      : [];
    this.#showCount();
    this.#renderHighlights();
    if (text) this.#searchEarlier(text);
  }

  async #searchEarlier(text) {
    if (this.#searching) return;
    this.#searching = true;
    while (this.#text === text && (await this.#loadEarlier())) await new Promise((resolve) => setTimeout(resolve, 50));
    this.#searching = false;
    this.#showCount();
  }

  #key(event) {
    if (event.key === "Enter") this.#go(event.shiftKey ? 1 : -1);
    if (event.key !== "Escape") return;
    this.#field.value = "";
    this.#typed();
    this.#field.blur();
  }

  /** The first step goes to the newest match, the next ones upwards. */
  #go(step) {
    if (!this.#found.length) return;
    const at = this.#found.indexOf(this.#current);
    const next = at < 0 ? this.#found.length - 1 : (at + step + this.#found.length) % this.#found.length;
    this.#current = this.#found[next];
    this.#transcript.reveal(this.#current);
    this.#showCount();
    this.#renderHighlights();
  }

  #showCount() {
    const count = this.#found.length;
    const at = this.#found.indexOf(this.#current);
    const position = at < 0 ? `${formatNumber(count)} found` : `${formatNumber(at + 1)} of ${formatNumber(count)}`;
    this.#count.textContent = this.#text ? position + (this.#searching ? ", searching earlier events…" : "") : "";
    for (const button of this.#buttons) button.disabled = !count;
  }

  #highlight() {
    if (!globalThis.CSS?.highlights) return;
    const ranges = this.#text ? this.#found.flatMap((entry) => this.#rangesIn(this.#transcript.elementOf(entry))) : [];
    CSS.highlights.set("found", new Highlight(...ranges.slice(0, MAX_HIGHLIGHTS)));
    const current = this.#current && this.#text ? this.#rangesIn(this.#transcript.elementOf(this.#current)) : [];
    CSS.highlights.set("found-present", Object.assign(new Highlight(...current), { priority: 1 }));
  }

  #rangesIn(element) {
    const ranges = [];
    const walker = element && document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker?.nextNode() && ranges.length < 100) {
      const text = walker.currentNode.nodeValue.toLowerCase();
      for (let at = text.indexOf(this.#text); at >= 0; at = text.indexOf(this.#text, at + this.#text.length)) {
        ranges.push(rangeOf(walker.currentNode, at, this.#text.length));
      }
    }
    return ranges;
  }
}

function rangeOf(node, start, length) {
  const range = new Range();
  range.setStart(node, start);
  // The lower-case text may be longer than the original.
  range.setEnd(node, Math.min(start + length, node.length));
  return range;
}
