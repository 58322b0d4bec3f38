import { element } from "./dom.js";
import { formatContext } from "./format.js";
import { HIGH_CONTEXT, reasonText, statusText } from "./status.js";

/** `<agent-status status="waiting" reason="awaiting_input">`: shape, word and, where known, the reason. */
class AgentStatus extends HTMLElement {
  static observedAttributes = ["status", "reason"];

  attributeChangedCallback() {
    const status = this.getAttribute("status");
    const reason = reasonText(this.getAttribute("reason"));
    this.dataset.status = status;
    const word = element(
      "span",
      { class: "status-word", "data-status": status },
      element("span", { class: "shape" }),
      statusText(status),
    );
    this.replaceChildren(word, ...(reason ? [element("span", { class: "status-reason", title: reason }, reason)] : []));
  }

  /** @param {{status: string, reason?: string | null}} agent */
  show({ status, reason }) {
    if (reason) this.setAttribute("reason", reason);
    else this.removeAttribute("reason");
    this.setAttribute("status", status);
  }
}

/** `<context-gauge level="42" used="84000" limit="200000" detailed>`: how full an agent's context window is. */
class ContextGauge extends HTMLElement {
  static observedAttributes = ["level", "used", "limit"];
  #fill = element("div", { class: "gauge-fill" });
  #track = element(
    "div",
    { class: "gauge-track", role: "meter", "aria-label": "Context in use", "aria-valuemin": 0, "aria-valuemax": 100 },
    this.#fill,
  );
  #text = element("span");

  connectedCallback() {
    this.#render();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#render();
  }

  /** @param {{contextLevel: number | null, tokensUsed?: number, tokensLimit?: number}} agent */
  show({ contextLevel, tokensUsed, tokensLimit }) {
    const values = { level: contextLevel, used: tokensUsed, limit: tokensLimit };
    for (const [name, value] of Object.entries(values)) this.setAttribute(name, String(value ?? ""));
  }

  #render() {
    const level = this.getAttribute("level");
    this.toggleAttribute("data-high", Number(level) > HIGH_CONTEXT);
    this.title = level ? this.#detail() : "";
    if (!level) return this.replaceChildren("No context reported");
    this.#fill.style.width = `${level}%`;
    this.#track.setAttribute("aria-valuenow", level);
    this.#text.textContent = this.hasAttribute("detailed") ? this.#detail() : `${level} %`;
    if (this.#track.parentNode !== this) this.replaceChildren(this.#track, this.#text);
  }

  #detail() {
    const [contextLevel, tokensUsed, tokensLimit] = ["level", "used", "limit"].map((name) =>
      Number(this.getAttribute(name)),
    );
    return `Context ${formatContext({ contextLevel, tokensUsed, tokensLimit })}`;
  }
}

customElements.define("agent-status", AgentStatus);
customElements.define("context-gauge", ContextGauge);
