import { call } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { plural } from "../lib/format.js";

/** How long the outcome of a request is shown. */
const RESOLVED_MS = 15_000;

/** Loaded with the first request: most pages show none. @type {typeof import("./card.js").RequestCard | null} */
let RequestCard = null;

/**
 * The cards of one agent's open requests, oldest first: the first few, and a button for the rest. Resolved ones stay for a while
 * and say by whom.
 */
export class RequestCards {
  /** @type {HTMLElement} */
  element;
  #agentId;
  #limit;
  #readonly = true;
  #open = new Map(); // requests by id
  #ended = new Set(); // ids
  /** @type {Map<string, import("./card.js").RequestCard>} */
  #cards = new Map();
  #more = element("button", { type: "button", class: "button quiet requests-more", hidden: true });
  #left = 0;
  #failed = false;

  /**
   * @param {HTMLElement} container
   * @param {string} agentId
   * @param {{limit?: number}} [options] how many cards are shown at first
   */
  constructor(container, agentId, { limit = 3 } = {}) {
    this.element = container;
    this.#agentId = agentId;
    this.#limit = limit;
    this.#more.addEventListener("click", () => this.#showMore());
    container.tabIndex = -1;
    container.append(this.#more);
  }

  /** Whether the person may only watch. @param {boolean} readonly */
  set readonly(readonly) {
    if (this.#readonly === readonly) return;
    this.#readonly = readonly;
    for (const card of this.#cards.values()) card.readonly = readonly;
  }

  /** How many are open. */
  get size() {
    return this.#open.size;
  }

  /**
   * Shows the open requests of an agent's state.
   * @param {{requests?: any[], moreRequests?: number}} state
   */
  reset({ requests = [], moreRequests = 0 }) {
    const open = new Set(requests.map(({ requestId }) => requestId));
    if (!moreRequests) for (const id of this.#open.keys()) if (!open.has(id)) this.#lookUp(id);
    for (const request of requests) this.#open.set(request.requestId, request);
    const grown = moreRequests > this.#left;
    this.#left = moreRequests;
    if (grown) this.#fetchLeft();
    this.#show();
  }

  add(request) {
    if (!this.#ended.has(request.requestId)) this.#open.set(request.requestId, request);
    this.#show();
  }

  resolve(resolution) {
    const { requestId } = resolution;
    this.#open.delete(requestId);
    this.#ended.add(requestId);
    this.#cards.get(requestId)?.resolve(resolution);
    setTimeout(() => this.#remove(requestId), RESOLVED_MS);
    this.#show();
  }

  /** Call this when they are no longer shown. */
  close() {
    for (const card of this.#cards.values()) card.close();
  }

  #showMore() {
    if (this.#failed) return this.#fetchLeft();
    const first = [...this.#open.keys()].find((id) => !this.#cards.has(id));
    this.#limit = Infinity;
    this.#show();
    this.#cards.get(first)?.element.focus({ preventScroll: true });
  }

  #show() {
    if (this.#open.size && !RequestCard) return void this.#load();
    for (const [id, request] of this.#open) {
      if (this.#cards.size >= this.#limit) break;
      if (!this.#cards.has(id)) this.#draw(id, request);
    }
    const hidden = [...this.#open.keys()].filter((id) => !this.#cards.has(id)).length;
    this.#more.hidden = !hidden && !this.#failed;
    this.#more.textContent = this.#failed
      ? `${plural(this.#left, "more request")} couldn't be loaded. Try again`
      : `Show ${plural(hidden, "more request")}`;
    this.element.hidden = !this.#cards.size && this.#more.hidden;
  }

  async #load() {
    ({ RequestCard } = await import("./card.js"));
    this.#show();
  }

  #draw(id, request) {
    const card = new RequestCard(this.#agentId, request);
    card.readonly = this.#readonly;
    this.#cards.set(id, card);
    this.#more.before(card.element);
  }

  #remove(id) {
    const card = this.#cards.get(id);
    if (!card) return;
    const focused = card.element.contains(document.activeElement);
    card.close();
    this.#cards.delete(id);
    this.#show();
    if (focused) this.element.focus({ preventScroll: true });
  }

  /** Shows how a request ended that was resolved while this page wasn't listening. */
  async #lookUp(id) {
    const request = this.#open.get(id);
    this.#open.delete(id);
    if (!this.#cards.has(id)) return;
    const path = `/agents/${this.#agentId}/requests/${encodeURIComponent(id)}`;
    const { resolution } = await call("GET", path).catch(() => ({ resolution: null }));
    if (resolution) this.resolve(resolution);
    else if (resolution === undefined) this.add(request);
    else this.#remove(id);
  }

  /** Fetches the open requests that a state leaves out because it would be too large. */
  async #fetchLeft() {
    const before = [...this.#open.keys()];
    const found = await fetchOpen(this.#agentId).catch(() => null);
    this.#failed = !found;
    for (const request of found ?? []) this.add(request);
    const present = new Set(found?.map(({ requestId }) => requestId));
    if (found) for (const id of before) if (this.#open.has(id) && !present.has(id)) this.#lookUp(id);
    this.#show();
  }
}

async function fetchOpen(agentId) {
  const found = [];
  for (;;) {
    const { requests, more } = await call("GET", `/agents/${agentId}/requests?since=${found.at(-1)?.seq ?? 0}`);
    found.push(...requests);
    if (!more) return found;
  }
}
