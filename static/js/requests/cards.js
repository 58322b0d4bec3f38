import { call } from "../lib/api.js";
import { RequestCard } from "./card.js";

/** For how long it is shown how a request ended. */
const RESOLVED_MS = 15_000;

/** The cards of one agent's open requests, oldest first. */
export class RequestCards {
  #container;
  #agentId;
  /** @type {Map<string, RequestCard>} */
  #cards = new Map();

  /**
   * @param {HTMLElement} container
   * @param {string} agentId
   */
  constructor(container, agentId) {
    this.#container = container;
    this.#agentId = agentId;
  }

  /** Shows the open requests of an agent's state. */
  reset({ requests = [], moreRequests = 0 }) {
    const open = new Set(requests.map(({ requestId }) => requestId));
    if (!moreRequests) for (const id of this.#cards.keys()) if (!open.has(id)) this.#remove(id);
    for (const request of requests) this.add(request);
    if (moreRequests) this.#addAll();
  }

  add(request) {
    if (this.#cards.has(request.requestId)) return;
    const card = new RequestCard(this.#agentId, request);
    this.#cards.set(request.requestId, card);
    this.#container.append(card.element);
    this.#show();
  }

  resolve(resolution) {
    this.#cards.get(resolution.requestId)?.resolve(resolution);
    setTimeout(() => this.#remove(resolution.requestId), RESOLVED_MS);
  }

  #remove(id) {
    this.#cards.get(id)?.element.remove();
    this.#cards.delete(id);
    this.#show();
  }

  #show() {
    this.#container.hidden = !this.#cards.size;
  }

  /** Some are left out of a state that would be too large. */
  async #addAll() {
    const page = await call("GET", `/agents/${this.#agentId}/requests`).catch(() => ({ requests: [] }));
    for (const request of page.requests) this.add(request);
  }
}
