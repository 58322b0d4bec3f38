import { element } from "./dom.js";
import { HIGH_CONTEXT } from "./status.js";

const tokens = (count) => Number(count).toLocaleString("en");

/** `<context-gauge level="42" used="84000" limit="200000" detailed>`: how full an agent's context window is. */
class ContextGauge extends HTMLElement {
  static observedAttributes = ["level", "used", "limit"];
  #fill = element("div", { class: "gauge-fill" });
  #track = element("div", { class: "gauge-track", role: "meter", "aria-label": "Context in use", "aria-valuemin": 0, "aria-valuemax": 100 }, this.#fill);
  #words = element("span");

  connectedCallback() {
    this.#render();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#render();
  }

  show({ contextLevel, tokensUsed, tokensLimit }) {
    const values = { level: contextLevel, used: tokensUsed, limit: tokensLimit };
    for (const [name, value] of Object.entries(values)) this.setAttribute(name, value ?? "");
  }

  #render() {
    const level = this.getAttribute("level");
    this.toggleAttribute("data-high", Number(level) > HIGH_CONTEXT);
    this.title = level ? this.#detail() : "";
    if (!level) return this.replaceChildren("No context reported");
    this.#fill.style.width = `${level}%`;
    this.#track.setAttribute("aria-valuenow", level);
    this.#words.textContent = this.hasAttribute("detailed") ? this.#detail() : `${level} %`;
    if (this.#track.parentNode !== this) this.replaceChildren(this.#track, this.#words);
  }

  #detail() {
    const [level, used, limit] = ["level", "used", "limit"].map((name) => this.getAttribute(name));
    const amount = used && limit ? ` (${tokens(used)} of ${tokens(limit)} tokens)` : "";
    return `Context ${level} %${amount}`;
  }
}

customElements.define("context-gauge", ContextGauge);
