import { element } from "./dom.js";
import { reasonWords, statusWord } from "./status.js";

/** `<agent-status status="waiting" reason="awaiting_input">`: shape, word and, where known, why. */
class AgentStatus extends HTMLElement {
  static observedAttributes = ["status", "reason"];

  attributeChangedCallback() {
    const status = this.getAttribute("status");
    const why = reasonWords(this.getAttribute("reason"));
    this.dataset.status = status;
    const word = element("span", { class: "status-word", "data-status": status }, element("span", { class: "shape" }), statusWord(status));
    this.replaceChildren(word, ...(why ? [element("span", { class: "status-reason", title: why }, why)] : []));
  }

  show({ status, reason }) {
    if (reason) this.setAttribute("reason", reason);
    else this.removeAttribute("reason");
    this.setAttribute("status", status);
  }
}

customElements.define("agent-status", AgentStatus);
