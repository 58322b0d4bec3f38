import "../lib/agent-elements.js";
import { partsOf } from "../lib/dom.js";
import { isPinned, togglePin } from "../lib/pins.js";
import { Poller } from "../lib/poller.js";
import { STATUSES, statusText } from "../lib/status.js";

/** Longer than usual, because the server queries all its processes. */
const VIEWERS_INTERVAL_MS = 15_000;
/** As many as fit beside the status. */
const NAMED_VIEWERS = 3;

/** The header of an agent's page, and the page's title: names, status, context, usage, whether it is pinned, who else is watching. */
export class Header {
  #part;
  #agentId;
  #usage;
  #status;
  #gauge;
  #names;
  #viewers;

  /**
   * @param {HTMLElement} page
   * @param {string} agentId
   */
  constructor(page, agentId) {
    this.#part = partsOf(page);
    this.#agentId = agentId;
    this.#status = /** @type {any} */ (page.querySelector("agent-status"));
    this.#gauge = /** @type {any} */ (page.querySelector("context-gauge"));
    this.#names = { agent: this.#part("name").textContent, workspace: this.#part("workspace-name").textContent };
    this.#part("pin").addEventListener("click", () => {
      togglePin(agentId);
      this.#showPin(agentId);
    });
    this.#showPin(agentId);
    this.#showNames();
    this.#pollViewers(agentId, page.dataset.user);
  }

  get agentName() {
    return this.#names.agent;
  }

  get status() {
    return this.#status.getAttribute("status");
  }

  get reason() {
    return this.#status.getAttribute("reason");
  }

  /** @param {{agent?: string, workspace?: string}} names */
  rename(names) {
    Object.assign(this.#names, names);
    this.#showNames();
  }

  /** @param {{status: string, reason?: string | null}} agent */
  showStatus(agent) {
    this.#status.show(agent);
    this.#showNames();
  }

  /** @param {{contextLevel: number | null, tokensUsed?: number, tokensLimit?: number}} agent */
  showContext(agent) {
    this.#gauge.show(agent);
  }

  /**
   * Shows what the agent has used so far, once something was reported.
   * @param {import("./usage.js").Report} [report] its latest one
   */
  async showUsage(report) {
    if (!report) return;
    const { UsageTotal } = await import("./usage.js");
    this.#usage ??= new UsageTotal(this.#part("usage"), this.#part("usage-details"), this.#agentId);
    this.#usage.show(report);
  }

  /** Access has ended: stop showing who else is watching. */
  close() {
    this.#viewers.stop();
    this.#usage?.close();
    this.#showViewers([]);
  }

  #showNames() {
    const { agent, workspace } = this.#names;
    this.#part("name").textContent = this.#part("name").title = agent;
    this.#part("workspace-name").textContent = workspace;
    const urgent = STATUSES[this.status]?.attention ? `(${statusText(this.status)}) ` : "";
    document.title = `${urgent}${agent} · ${workspace} · Agentstream`;
  }

  #showPin(agentId) {
    this.#part("pin").setAttribute("aria-pressed", String(isPinned(agentId)));
  }

  #pollViewers(agentId, me) {
    const show = (viewers) => this.#showViewers(viewers.map(({ user }) => user).filter((user) => user !== me));
    this.#viewers = new Poller(`/agents/${agentId}/viewers`, show, { interval: VIEWERS_INTERVAL_MS });
    this.#viewers.poll();
  }

  #showViewers(names) {
    const viewers = this.#part("viewers");
    const text = names.length ? `${listed(names)} ${names.length === 1 ? "is" : "are"} also watching` : "";
    viewers.hidden = !names.length;
    if (viewers.textContent === text) return;
    viewers.textContent = text;
    viewers.title = names.join(", ");
  }
}

function listed(names) {
  const rest = names.length - NAMED_VIEWERS;
  const shown = rest > 0 ? [...names.slice(0, NAMED_VIEWERS), `${rest} more`] : names;
  return new Intl.ListFormat("en").format(shown);
}
