import { element } from "../lib/dom.js";
import { visible } from "../lib/visible.js";
import { requestText } from "./event-text.js";
import { MessageView } from "./message-view.js";
import { ToolView } from "./tool-view.js";

/** The element of an entry: its day where one begins, its time, and what it says. */
export class EntryView {
  #entry;
  #body;

  /**
   * @param {import("./entry.js").Entry} entry
   * @param {import("./transcript.js").Reader} reader
   */
  constructor(entry, reader) {
    this.#entry = entry;
    const { type, variant } = entry;
    const { role, kind } = entry.payload;
    this.element = element("div", {
      class: "entry",
      "data-type": type,
      "data-variant": variant,
      "data-role": role,
      "data-kind": kind,
      "data-seq": entry.firstSeq,
    });
    this.#body = bodyOf(entry, reader);
    this.element.append(this.#clock(), this.#body.element);
    this.place();
  }

  /** What the entry says has changed. */
  update() {
    this.element.toggleAttribute("data-hidden", this.#entry.hidden);
    this.#body.update();
  }

  /** The entry before this one has changed. */
  place() {
    const { newDay, first, sameSecond, day, hidden, author, clock } = this.#entry;
    this.element.querySelector(":scope > .day")?.remove();
    if (newDay) this.element.prepend(element("div", { class: "day" }, day));
    this.element.toggleAttribute("data-hidden", hidden);
    this.element.toggleAttribute("data-first", first);
    this.element.toggleAttribute("data-same-second", sameSecond);
    this.element.toggleAttribute("data-target", Boolean(this.#entry.target));
    // Lines in a row are one article with the heading of the first.
    if (first) {
      this.element.setAttribute("role", "article");
      this.element.setAttribute("aria-label", `${visible(author ?? "Sub-agent")}, ${clock}`);
    }
  }

  #clock() {
    const { firstSeq, timestamp, clock } = this.#entry;
    const time = element("time", { datetime: timestamp }, clock);
    return element(
      "a",
      {
        class: "entry-time",
        href: `#${firstSeq}`,
        title: `${timestamp} · event ${firstSeq}`,
        tabindex: "-1",
        "aria-label": `Link to ${clock}`,
      },
      time,
    );
  }
}

/** @returns {{element: HTMLElement, update: () => void}} */
function bodyOf(entry, reader) {
  if (entry.type === "note") return entry.variant === "session" ? sessionView(entry, reader) : noteView(entry);
  if (entry.type === "subagent") return threadView(entry, reader);
  if (entry.type === "tool") return new ToolView(entry, reader);
  return new MessageView(entry);
}

/** Empty until the module is loaded, with which everything is drawn again. */
function threadView(entry, reader) {
  const { ThreadView } = reader;
  return ThreadView ? new ThreadView(entry, reader) : { element: element("div", { class: "entry-body" }), update() {} };
}

/** Where a session begins: a heading that is a link to it. */
function sessionView(entry, reader) {
  // The link of its time is the one in the tab order.
  const link = element("a", { href: `#${entry.firstSeq}`, tabindex: "-1" });
  const update = () => (link.textContent = visible(reader.sessionText(entry)));
  update();
  return { element: element("h2", { class: "entry-body session-head" }, link), update };
}

/** Something that happened, as opposed to output. */
function noteView(entry) {
  const body = element("div", { class: "entry-body" });
  const text = element("span");
  const update = () => {
    const { status, variant, payload, resolution } = entry;
    text.textContent = visible(variant === "request" ? requestText(payload, resolution) : entry.text);
    body.toggleAttribute("data-status", Boolean(status));
    if (status) body.dataset.status = status;
    body.replaceChildren(...(status ? [element("span", { class: "shape" })] : []), text);
  };
  update();
  return { element: body, update };
}
