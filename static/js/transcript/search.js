import { oncePerFrame } from "../lib/follow-workspace.js";

const PATIENCE = 150;
/** More marks than this on the page at once help nobody. */
const MOST_MARKS = 2_000;

/** Finds words in a transcript, and fetches what came earlier while it is asked for them. */
export class Search {
  #transcript;
  #loadEarlier;
  #field;
  #count;
  #buttons;
  #words = "";
  #found = [];
  #present = null;
  #timer;
  #mark = oncePerFrame(() => this.#highlight());

  /** `loadEarlier` resolves to false when there is nothing earlier. */
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
    new MutationObserver(() => this.#words && this.#mark()).observe(list, { childList: true, subtree: true, characterData: true });
    this.#tell();
  }

  /** The transcript has changed. */
  changed() {
    if (this.#words) this.#soon();
  }

  #typed() {
    this.#words = this.#field.value.trim().toLowerCase();
    this.#present = null;
    this.#soon();
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#find();
    }, PATIENCE);
  }

  #find() {
    const words = this.#words;
    this.#found = words ? [...this.#transcript.entries()].filter(({ text }) => text.toLowerCase().includes(words)) : [];
    this.#tell();
    this.#mark();
    if (words) this.#searchEarlier(words);
  }

  async #searchEarlier(words) {
    if (this.searching) return;
    this.searching = true;
    while (this.#words === words && (await this.#loadEarlier())) await new Promise((resolve) => setTimeout(resolve, 50));
    this.searching = false;
    this.#tell();
  }

  #key(event) {
    if (event.key === "Enter") this.#go(event.shiftKey ? 1 : -1);
    if (event.key !== "Escape") return;
    this.#field.value = "";
    this.#typed();
    this.#field.blur();
  }

  /** The first step goes to the newest, from where one reads upwards. */
  #go(step) {
    if (!this.#found.length) return;
    const at = this.#found.indexOf(this.#present);
    const next = at < 0 ? this.#found.length - 1 : (at + step + this.#found.length) % this.#found.length;
    this.#present = this.#found[next];
    this.#transcript.reveal(this.#present);
    this.#tell();
    this.#mark();
  }

  #tell() {
    const count = this.#found.length;
    const at = this.#found.indexOf(this.#present);
    const place = at < 0 ? `${count.toLocaleString("en")} found` : `${(at + 1).toLocaleString("en")} of ${count.toLocaleString("en")}`;
    this.#count.textContent = this.#words ? place + (this.searching ? ", looking further back…" : "") : "";
    for (const button of this.#buttons) button.disabled = !count;
  }

  #highlight() {
    if (!globalThis.CSS?.highlights) return;
    const ranges = this.#words ? this.#found.flatMap((entry) => this.#rangesIn(this.#transcript.elementOf(entry))) : [];
    CSS.highlights.set("found", new Highlight(...ranges.slice(0, MOST_MARKS)));
    const present = this.#present && this.#words ? this.#rangesIn(this.#transcript.elementOf(this.#present)) : [];
    CSS.highlights.set("found-present", Object.assign(new Highlight(...present), { priority: 1 }));
  }

  #rangesIn(element) {
    const ranges = [];
    const walker = element && document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker?.nextNode() && ranges.length < 100) {
      const text = walker.currentNode.data.toLowerCase();
      for (let at = text.indexOf(this.#words); at >= 0; at = text.indexOf(this.#words, at + this.#words.length)) {
        ranges.push(rangeOf(walker.currentNode, at, this.#words.length));
      }
    }
    return ranges;
  }
}

function rangeOf(node, start, length) {
  const range = new Range();
  range.setStart(node, start);
  // Lower case may be longer than what it was made of.
  range.setEnd(node, Math.min(start + length, node.length));
  return range;
}
