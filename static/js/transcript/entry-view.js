import { ansiNodes } from "../lib/ansi.js";
import { element } from "../lib/dom.js";
import { plural } from "../lib/format.js";
import { escapeBidi } from "../lib/visible.js";

/** A message that is being written is redrawn at most this often, and at most in this share of the time. */
const MIN_REDRAW_INTERVAL_MS = 100;
const MAX_REDRAW_SHARE = 1 / 10;
/** A message that takes longer than this to render is shown raw from then on. */
const MAX_RENDER_MS = 150;
/** How many lines of a changed file are shown at first. */
const DIFF_LINES = 40;

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

/** The element of an entry. Agents' text goes into text nodes, or through the sanitizer, and nowhere else. */
export class EntryView {
  #entry;
  #body;
  #text;
  #summary;
  #heading;
  #files;
  #filesShown = 0;
  #drawnAt = 0;
  #cost = 0;
  #timer;

  /** @param {import("./entry.js").Entry} entry */
  constructor(entry) {
    this.#entry = entry;
    const { type } = entry;
    const { role, kind } = entry.payload;
    this.element = element("div", {
      class: "entry",
      "data-type": type,
      "data-role": role,
      "data-kind": kind,
      "data-seq": entry.firstSeq,
    });
    this.place();
  }

  /** The entry's text has changed. */
  update() {
    if (!this.#body) return;
    const interval = Math.max(MIN_REDRAW_INTERVAL_MS, this.#cost / MAX_REDRAW_SHARE);
    const wait = this.#rendered && this.#entry.streaming ? interval - (performance.now() - this.#drawnAt) : 0;
    clearTimeout(this.#timer);
    if (wait > 0) this.#timer = setTimeout(() => this.#draw(), wait);
    else this.#draw();
  }

  /** The entry before this one, or its thread, has changed. */
  place() {
    const { newDay, first, sameSecond, day } = this.#entry;
    this.element.querySelector(":scope > .day")?.remove();
    this.#placeHeading();
    if (newDay) this.element.prepend(element("div", { class: "day" }, day));
    this.element.toggleAttribute("data-folded", this.#entry.folded);
    if (!this.#entry.folded && !this.#body) this.#fill();
    this.element.toggleAttribute("data-first", first);
    this.element.toggleAttribute("data-same-second", sameSecond);
    this.element.toggleAttribute("data-target", Boolean(this.#entry.target));
  }

  /** Whether it is shown as rendered Markdown. */
  get #rendered() {
    return this.#entry.isMarkdown && !display.raw && display.markdown && !this.#entry.tooSlow;
  }

  #fill() {
    this.#body = this.#entry.type === "note" ? this.#note(this.#entry.status) : this.#message();
    this.element.append(this.#clock(), this.#body);
    this.#draw();
  }

  /** The heading stays the same element, because it may have the focus. */
  #placeHeading() {
    const { thread, heading } = this.#entry;
    if (thread) this.element.dataset.thread = thread.color;
    if (!heading) this.#heading = this.#heading?.remove();
    else if (!this.#heading) this.element.prepend((this.#heading = thread.heading(this.#entry)));
  }

  #clock() {
    const { firstSeq, timestamp, clock } = this.#entry;
    const time = element("time", { datetime: timestamp }, clock);
    return element(
      "a",
      { class: "entry-time", href: `#${firstSeq}`, title: `${timestamp} · event ${firstSeq}`, tabindex: "-1" },
      time,
    );
  }

  #note(status) {
    const body = element("div", { class: "entry-body", "data-status": status });
    if (status) body.append(element("span", { class: "shape" }));
    this.#text = body.appendChild(element("span"));
    return body;
  }

  #message() {
    const author = escapeBidi(this.#entry.author);
    const heading = element("div", { class: "entry-who" }, author);
    this.#text = element("div", { class: "entry-text" });
    if (!this.#entry.collapsible) return element("div", { class: "entry-body" }, heading, this.#text);
    this.#summary = element("span", { class: "fold-brief" });
    const summary = element("summary", {}, element("span", { class: "fold-who" }, author), this.#summary);
    const details = element("details", { class: "fold", open: this.#entry.open }, summary, this.#text);
    this.#showChanges(details);
    details.addEventListener("toggle", () => {
      this.#entry.open = details.open;
      this.#showChanges(details);
    });
    return element("div", { class: "entry-body" }, details);
  }

  /** Draws file changes when they become visible. @param {HTMLDetailsElement} details */
  async #showChanges(details) {
    const { changes } = this.#entry.payload;
    if (!details.open || !changes?.length || details.querySelector(".changes")) return;
    const loaded = await import("../lib/changes.js").catch(() => null); // opening it again tries again
    if (loaded && !details.querySelector(".changes")) details.append(loaded.changesView(changes, DIFF_LINES));
  }

  async #showFiles() {
    const { attachments } = this.#entry;
    if (attachments.length === this.#filesShown) return;
    this.#filesShown = attachments.length;
    files ??= await import("./attachments.js").catch(() => null);
    if (!files) return void (this.#filesShown = 0); // drawing it again tries again
    this.#files?.remove();
    this.#files = files.attachmentsView(this.#entry.attachments);
    this.#body.append(this.#files);
  }

  #draw() {
    const started = performance.now();
    this.#text.classList.toggle("markdown", Boolean(this.#rendered));
    this.#text.replaceChildren(...this.#nodes());
    this.#showFiles();
    if (this.#summary) this.#summary.textContent = summaryText(this.#entry);
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
}

/** A collapsed entry's text: the beginning of a tool call, the size of a result, how it went. */
function summaryText({ text, payload: { kind, isError, durationMs } }) {
  const lines = text.trimEnd().split("\n");
  const start = escapeBidi(lines[0].slice(0, 200));
  const size = kind === "tool_result" && lines.length > 1 ? ` … ${plural(lines.length, "line")}` : "";
  const parts = [`${start}${size}`, isError ? "failed" : "", durationMs === undefined ? "" : seconds(durationMs)];
  return parts.filter(Boolean).join(" · ");
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return `${(milliseconds / 1_000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
