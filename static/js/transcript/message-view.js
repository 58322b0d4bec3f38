import { ansiNodes } from "../lib/ansi.js";
import { element } from "../lib/dom.js";
import { escapeBidi } from "../lib/visible.js";

/** A message that is being written is redrawn at most this often, and at most in this share of the time. */
const MIN_REDRAW_INTERVAL_MS = 100;
const MAX_REDRAW_SHARE = 1 / 10;
/** A message that takes longer than this to render is shown raw from then on. */
const MAX_RENDER_MS = 150;

/**
 * How this page shows messages: `raw`, and the Markdown module once it is loaded.
 * @type {{raw: boolean, markdown: typeof import("../lib/markdown.js") | null}}
 */
export const display = { raw: false, markdown: null };

/**
 * Loads the Markdown module. Until then, or if that fails, messages are shown raw.
 * @param {() => void} redraw called once it is loaded
 */
export async function loadMarkdown(redraw) {
  try {
    display.markdown = await import("../lib/markdown.js");
    redraw();
  } catch (error) {
    console.info("Messages are shown raw:", error.message);
  }
}

/** Loaded with the first entry that names files. @type {typeof import("./attachments.js") | null} */
let files = null;

/** What somebody or something said, with its author. Agents' text goes into text nodes, or through the sanitizer, and nowhere else. */
export class MessageView {
  #entry;
  #text = element("div", { class: "entry-text" });
  #brief = element("span", { class: "fold-brief" });
  #files;
  #filesShown = 0;
  #drawnAt = 0;
  #cost = 0;
  #timer;
  #details;

  /** @param {import("./entry.js").Entry} entry */
  constructor(entry) {
    this.#entry = entry;
    const author = escapeBidi(entry.author);
    if (entry.type === "thinking" || entry.type === "result") this.element = this.#folded(author);
    else this.element = element("div", { class: "entry-body" }, heading(author), this.#text);
    this.#draw();
  }

  /** The entry's text has changed. */
  update() {
    if (this.#details) this.#details.open = this.#entry.open;
    const interval = Math.max(MIN_REDRAW_INTERVAL_MS, this.#cost / MAX_REDRAW_SHARE);
    const wait = this.#rendered && this.#entry.streaming ? interval - (performance.now() - this.#drawnAt) : 0;
    clearTimeout(this.#timer);
    if (wait > 0) this.#timer = setTimeout(() => this.#draw(), wait);
    else this.#draw();
  }

  /** Whether it is shown as rendered Markdown. */
  get #rendered() {
    return this.#entry.isMarkdown && !display.raw && display.markdown && !this.#entry.tooSlow;
  }

  #folded(author) {
    const summary = element("summary", {}, element("span", { class: "fold-who" }, author), " ", this.#brief);
    this.#details = element("details", { class: "fold", open: this.#entry.open }, summary, this.#text);
    this.#details.addEventListener("toggle", () => (this.#entry.open = this.#details.open));
    return element("div", { class: "entry-body" }, this.#details);
  }

  #draw() {
    const started = performance.now();
    this.#text.classList.toggle("markdown", Boolean(this.#rendered));
    this.#text.replaceChildren(...this.#nodes());
    if (this.#details) {
      this.#brief.textContent = escapeBidi(this.#entry.text.trimStart().split("\n", 1)[0].slice(0, 200));
    }
    this.#showFiles();
    this.#drawnAt = performance.now();
    this.#cost = this.#drawnAt - started;
    if (this.#rendered && this.#cost > MAX_RENDER_MS) this.#entry.tooSlow = true;
  }

  #nodes() {
    const { text, streaming } = this.#entry;
    if (!this.#rendered || text.length > display.markdown.MAX_MARKDOWN_LENGTH) return ansiNodes(text);
    try {
      return [display.markdown.markdownNodes(text, !streaming)];
    } catch {
      this.#entry.tooSlow = true;
      this.#text.classList.remove("markdown");
      return ansiNodes(text);
    }
  }

  async #showFiles() {
    const { attachments } = this.#entry;
    if (attachments.length === this.#filesShown) return;
    this.#filesShown = attachments.length;
    files ??= await import("./attachments.js").catch(() => null);
    if (!files) return void (this.#filesShown = 0); // drawing it again tries again
    this.#files?.remove();
    this.#files = files.attachmentsView(this.#entry.attachments);
    this.element.append(this.#files);
  }
}

/** @param {string} author */
const heading = (author) => element("h3", { class: "entry-who" }, author);
