import "../lib/agent-elements.js";
import { announce } from "../lib/announce.js";
import { connection } from "../lib/connection.js";
import { element } from "../lib/dom.js";
import { announcedStatus } from "../lib/status.js";
import { RequestCards } from "../requests/cards.js";
import { askedText } from "../requests/text.js";
import { AutoScroll } from "./auto-scroll.js";
import { SeenMarker } from "./seen-marker.js";
import { Transcript } from "./transcript.js";

/** How many events a panel starts with. */
const EVENTS_BACK = 60;
const MAX_ENTRIES = 400;

/** One of several agents side by side: its status, latest output and requests, and a link to its page. */
export class Panel {
  #id;
  #name;
  #status = element("agent-status");
  #gauge = element("context-gauge");
  #notice = element("p", { class: "panel-notice", hidden: true });
  #scroll;
  #transcript;
  #subscription;
  #snapshotSeq = 0;
  #requests;
  #workspaceId;
  #mayAnswer;
  #seenMarker;

  /**
   * @param {string} id
   * @param {object} options
   * @param {() => void} options.onremove
   * @param {(step: number) => void} options.onmove
   * @param {(workspaceId: string) => boolean} options.mayAnswer whether the person may answer agents of a workspace
   */
  constructor(id, { onremove, onmove, mayAnswer }) {
    this.#id = id;
    this.#mayAnswer = mayAnswer;
    this.#requests = new RequestCards(element("div", { class: "requests", hidden: true }), id);
    this.#name = element("a", { class: "panel-name", href: `/a/${id}/` }, "…");
    const entries = element("div", { class: "entries" });
    const scroll = element(
      "div",
      { class: "transcript-scroll", tabindex: "0", role: "log", "aria-live": "off" },
      entries,
    );
    const toEnd = element("button", { type: "button", class: "button new-button", hidden: true });
    const head = element(
      "header",
      { class: "panel-head" },
      element("h2", {}, this.#name),
      this.#status,
      this.#gauge,
      buttons(onmove, onremove),
    );
    this.element = element(
      "section",
      { class: "panel", "data-agent": id },
      head,
      this.#notice,
      element("div", { class: "transcript" }, scroll, toEnd),
      this.#requests.element,
    );
    this.#scroll = scroll;
    const autoScroll = new AutoScroll(scroll, toEnd);
    this.#transcript = new Transcript(entries, autoScroll, { maxEntries: MAX_ENTRIES });
    this.#seenMarker = new SeenMarker(id, () => autoScroll.following && inView(this.element));
    autoScroll.onend = () => this.#seenMarker.moved();
    this.#start();
  }

  close() {
    this.#seenMarker.close();
    this.#subscription.close();
    this.#requests.close();
    this.element.remove();
  }

  /** Roles may have changed. */
  showRole() {
    this.#requests.readonly = !this.#mayAnswer(this.#workspaceId);
  }

  redraw() {
    this.#transcript.redraw();
  }

  /** The position of the newest event has to be queried first. */
  #start() {
    const query = (this.#subscription = connection().agent(this.#id));
    query.on("unsubscribed", ({ reason }) => this.#end(reason));
    query.on("subscribed", ({ seq, oldest }) => {
      this.#follow(Math.max((oldest ?? 1) - 1, seq - EVENTS_BACK));
      query.close();
    });
  }

  #follow(since) {
    this.#transcript.from = this.#transcript.seq = since;
    const subscription = (this.#subscription = connection().agent(this.#id, { since }));
    subscription.on("subscribed", (answer) => this.#answered(answer));
    subscription.on("event", (event) => {
      this.#transcript.append(event);
      this.#seenMarker.show(event);
    });
    subscription.on("status", (change, { seq }) => seq > this.#snapshotSeq && this.#showStatus(change, seq));
    subscription.on("context", (change, { seq }) => seq > this.#snapshotSeq && this.#gauge.show(change));
    subscription.on("request", (request, event) => event.seq > this.#snapshotSeq && this.#asked(request, event));
    subscription.on("request_resolved", (resolution, { seq }) => {
      if (seq > this.#snapshotSeq) this.#requests.resolve(resolution);
    });
    subscription.on("unsubscribed", ({ reason }) => this.#end(reason));
  }

  #asked(request, { timestamp }) {
    this.#requests.add({ ...request, createdAt: timestamp });
    announce(askedText(request, this.#name.textContent));
  }

  #answered({ seq, oldest, complete, state }) {
    if (!complete) {
      this.#transcript.reset(oldest - 1);
      this.#seenMarker.reset();
    }
    this.#snapshotSeq = seq;
    this.#name.textContent = this.#name.title = state.name;
    this.#scroll.setAttribute("aria-label", `Transcript of ${state.name}`);
    this.#showStatus(state, this.#subscription.seq);
    this.#gauge.show(state);
    this.#workspaceId = state.workspaceId;
    this.showRole();
    this.#requests.reset(state);
  }

  #showStatus(agent, seq) {
    const before = this.#status.getAttribute("status");
    const told = agent.status === "waiting" && this.#requests.size > 0; // a request has been announced itself
    if (before && agent.status !== before && !told) announce(announcedStatus(this.#name.textContent, agent));
    this.#status.show(agent);
    this.#seenMarker.show({ seq, status: agent.status });
  }

  #end(reason) {
    this.#requests.close();
    this.#requests.element.hidden = true;
    this.#notice.hidden = false;
    this.#notice.textContent =
      reason === "deleted" ? "This agent was deleted." : "This agent doesn't exist, or you don't have access to it.";
  }
}

/** Whether the lower end of an element is on the screen. */
function inView(element) {
  const { bottom, height } = element.getBoundingClientRect();
  return height > 0 && bottom > 0 && bottom <= innerHeight + 1;
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
