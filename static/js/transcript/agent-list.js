import { arrange, element, paced } from "../lib/dom.js";
import { inbox } from "../lib/inbox.js";
import { openRequests, statusText, triage } from "../lib/status.js";
import { visible } from "../lib/visible.js";

/** More would not be read; the workspace's page has them all. */
const MAX_LISTED = 200;

/** The other agents of the workspace, beside the one that is shown. */
export class AgentList {
  #nav;
  #id;
  #list = element("ol");
  #items = new Map();
  #agents = new Map();
  #draw = paced(() => this.#render());

  /** @param {HTMLElement} nav @param {string} id the agent that is shown */
  constructor(nav, id) {
    this.#nav = nav;
    this.#id = id;
    nav.append(this.#list);
  }

  /** @param {Map<string, any>} agents */
  show(agents) {
    this.#agents = agents;
    this.#draw();
  }

  /** Agents don't move under the pointer or the focus. */
  #render() {
    const agents = [...this.#agents.values()].map((agent) => ({ ...agent, needs: inbox().needs(agent) }));
    const frozen = this.#nav.matches(":hover, :focus-within") && this.#items.size > 0;
    const shown = frozen ? agents.filter(({ id }) => this.#items.has(id)) : triage(agents).slice(0, MAX_LISTED);
    for (const agent of shown) this.#fill(agent);
    for (const id of this.#items.keys()) if (!this.#agents.has(id)) this.#items.delete(id);
    this.#nav.hidden = agents.length < 2;
    if (!frozen) {
      arrange(
        this.#list,
        shown.map(({ id }) => this.#items.get(id)),
      );
    }
  }

  #fill(agent) {
    const { id, name, status } = agent;
    const item = this.#items.get(id) ?? element("li");
    this.#items.set(id, item);
    const look = openRequests(agent) ? "asks" : status;
    const key = `${name}\n${status}\n${look}`;
    if (item.dataset.shown === key) return;
    item.dataset.shown = key;
    const shape = element("span", { class: "agent-shape", "data-status": look }, element("span", { class: "shape" }));
    const word = element("span", { class: "agent-word" }, statusText(status));
    const current = id === this.#id ? "page" : undefined;
    const link = element(
      "a",
      { href: `/a/${id}/`, "aria-current": current },
      shape,
      element("span", {}, visible(name)),
      " ",
      word,
    );
    const focused = item.contains(document.activeElement);
    item.replaceChildren(link);
    if (focused) link.focus({ preventScroll: true });
  }
}
