import { call } from "../lib/api.js";
import { element } from "../lib/dom.js";

/** How long the outcome of a request is shown. */
const RESOLVED_MS = 15_000;

/** Loaded with the first request: most pages show none. @type {typeof import("./card.js").RequestCard | null} */
let RequestCard = null;

/**
 * One agent's open requests as a stack, oldest on top. Resolved ones become a line that says by whom, and stay for a while.
 */
export class RequestCards {
  /** @type {HTMLElement} */
  element;
  #agentId;
  #readonly = true;
  #folder;
  #open = new Map(); // requests by id
  #ended = new Set(); // ids
  /** @type {Map<string, import("./card.js").RequestCard>} */
  #cards = new Map();
  #currentId;
  #place = element("span", { class: "requests-place" });
  #steps = element(
    "div",
    { class: "requests-steps", hidden: true },
    this.#step("Previous request", "‹", -1),
    this.#place,
    this.#step("Next request", "›", 1),
  );
  #retry = element("button", { type: "button", class: "button quiet requests-retry", hidden: true });
  #left = 0;
  #failed = false;

  /**
   * @param {HTMLElement} container
   * @param {string} agentId
   */
  constructor(container, agentId) {
    this.element = container;
    this.#agentId = agentId;
    this.#retry.addEventListener("click", () => this.#fetchLeft());
    container.tabIndex = -1;
    container.append(this.#retry);
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
   * @param {{requests?: any[], moreRequests?: number, labels?: Record<string, string>}} state
   */
  reset({ requests = [], moreRequests = 0, labels = {} }) {
    this.#folder = labels.cwd;
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
    if (requestId === this.#currentId) this.#currentId = this.#neighbor(1);
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

  #step(label, sign, by) {
    const button = element("button", { type: "button", class: "button quiet", "aria-label": label }, sign);
    button.addEventListener("click", () => {
      this.#currentId = this.#neighbor(by);
      this.#show();
    });
    return button;
  }

  /** The request before or after the current one, in a circle. */
  #neighbor(by) {
    const ids = [...this.#open.keys()];
    return ids.at((ids.indexOf(this.#currentId) + by) % ids.length);
  }

  #show() {
    if (this.#open.size && !RequestCard) return void this.#load();
    if (!this.#open.has(this.#currentId)) [this.#currentId] = this.#open.keys();
    if (this.#open.size && !this.#cards.has(this.#currentId)) this.#draw(this.#currentId);
    for (const [id, card] of this.#cards) card.element.hidden = id !== this.#currentId && this.#open.has(id);
    this.#showPlace();
    this.#retry.hidden = !this.#failed;
    this.#retry.textContent = `${this.#left} more couldn't be loaded. Try again`;
    this.element.hidden = !this.#cards.size && !this.#failed;
  }

  #showPlace() {
    const ids = [...this.#open.keys()];
    const card = this.#cards.get(this.#currentId);
    if (ids.length > 1 && this.#steps.parentNode !== card.head) this.#moveSteps(card.head);
    this.#steps.hidden = ids.length < 2;
    this.#place.textContent = `${ids.indexOf(this.#currentId) + 1} of ${ids.length}`;
  }

  /** Their place is in the head of the current card. */
  #moveSteps(head) {
    const focused = /** @type {HTMLElement | null} */ (this.#steps.querySelector(":focus"));
    head.append(this.#steps);
    focused?.focus({ preventScroll: true });
  }

  async #load() {
    ({ RequestCard } = await import("./card.js"));
    this.#show();
  }

  /** Outcomes come first, then the open request. */
  #draw(id) {
    const card = new RequestCard(this.#agentId, this.#open.get(id), { folder: this.#folder });
    card.readonly = this.#readonly;
    card.onresolved = () => this.#cards.get(this.#currentId)?.element.before(card.element);
    this.#cards.set(id, card);
    this.#retry.before(card.element);
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
    if (id === this.#currentId) this.#currentId = this.#neighbor(1);
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
