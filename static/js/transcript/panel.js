import "../lib/agent-status.js";
import "../lib/agent-elements.js";
import { element } from "../lib/dom.js";
import { Follower } from "./auto-scroll.js";
import { stream } from "../lib/stream.js";
import { Transcript } from "./transcript.js";

const PAST = 60;
const KEPT = 400;

/** One agent among several: its newest words, its state, and the way to its own page. */
export class Panel {
  #id;
  #name;
  #status = element("agent-status");
  #gauge = element("context-gauge");
  #notice = element("p", { class: "panel-notice", hidden: true });
  #transcript;
  #subscription;
  #present = 0;

  constructor(id, { onremove, onmove }) {
    this.#id = id;
    this.#name = element("a", { class: "panel-name", href: `/a/${id}/` }, "…");
    const entries = element("div", { class: "entries" });
    const scroll = element("div", { class: "transcript-scroll", tabindex: "0", role: "log", "aria-live": "off" }, entries);
    const fresh = element("button", { type: "button", class: "button new-button", hidden: true });
    const head = element("header", { class: "panel-head" }, element("h2", {}, this.#name), this.#status, this.#gauge, buttons(onmove, onremove));
    this.element = element("section", { class: "panel", "data-agent": id }, head, this.#notice, element("div", { class: "transcript" }, scroll, fresh));
    this.scroll = scroll;
    this.#transcript = new Transcript(entries, new Follower(scroll, fresh), { kept: KEPT });
    this.#begin();
  }

  close() {
    this.#subscription.close();
    this.element.remove();
  }

  redraw() {
    this.#transcript.redraw();
  }

  /** Where the newest is has to be asked first. */
  #begin() {
    const question = (this.#subscription = stream.agent(this.#id));
    question.on("unsubscribed", ({ reason }) => this.#end(reason));
    question.on("subscribed", ({ seq, oldest }) => {
      this.#follow(Math.max((oldest ?? 1) - 1, seq - PAST));
      question.close();
    });
  }

  #follow(since) {
    this.#transcript.from = since;
    const subscription = (this.#subscription = stream.agent(this.#id, { since }));
    subscription.on("subscribed", (answer) => this.#answered(answer));
    subscription.on("event", (event) => this.#transcript.append(event));
    subscription.on("status", (change, { seq }) => seq > this.#present && this.#status.show(change));
    subscription.on("context", (change, { seq }) => seq > this.#present && this.#gauge.show(change));
    subscription.on("unsubscribed", ({ reason }) => this.#end(reason));
  }

  #answered({ seq, oldest, complete, state }) {
    if (!complete) this.#transcript.reset(oldest - 1);
    this.#present = seq;
    this.#name.textContent = this.#name.title = state.name;
    this.scroll.setAttribute("aria-label", `Transcript of ${state.name}`);
    this.#status.show(state);
    this.#gauge.show(state);
  }

  #end(reason) {
    this.#notice.hidden = false;
    this.#notice.textContent = reason === "deleted" ? "This agent was deleted." : "There is no such agent, or you may not see it.";
  }
}

function buttons(onmove, onremove) {
  const make = (label, sign, act) => {
    const button = element("button", { type: "button", "aria-label": label, title: label }, sign);
    button.addEventListener("click", act);
    return button;
  };
  return element(
    "span",
    { class: "panel-buttons" },
    make("Move forward", "←", () => onmove(-1)),
    make("Move back", "→", () => onmove(1)),
    make("Unpin", "✕", onremove),
  );
}
