import { call, showingErrors } from "../lib/api.js";
import { onSubmit } from "../lib/dom.js";
import { hasEnded } from "../lib/status.js";

/** @type {Record<string, [question: string, explanation: string, yes: string]>} */
const SIGNALS = {
  interrupt: [
    "Interrupt this agent?",
    "This stops what it is doing, like Ctrl+C. It may continue with something else.",
    "Interrupt",
  ],
  stop: ["Stop this agent?", "Its process ends, and unsaved work is lost.", "Stop"],
};

/** The form that answers an agent, with the buttons that interrupt or stop it. */
export class Composer {
  #form;
  #text;
  #alert;
  #path;

  /**
   * @param {HTMLFormElement} form
   * @param {string} agentId
   */
  constructor(form, agentId) {
    this.#form = form;
    this.#text = form.querySelector("textarea");
    this.#alert = form.querySelector("[data-trouble]");
    this.#path = `/agents/${agentId}`;
    onSubmit(form, () => this.#send());
    this.#text.addEventListener("keydown", (event) => this.#typed(event));
    const signals = [...form.querySelectorAll("button")].filter((button) => button.dataset.signal);
    for (const button of signals) button.addEventListener("click", () => this.#sendSignal(button.dataset.signal));
  }

  /**
   * Where nothing runs, nothing can be sent. A waiting agent needs text, unless it has an open request.
   * @param {{status: string, reason?: string | null, asks?: boolean}} agent
   */
  show({ status, reason, asks }) {
    this.#form.toggleAttribute("data-ended", hasEnded({ status, reason }));
    this.#form.toggleAttribute("data-wanted", status === "waiting" && !asks);
  }

  focus() {
    this.#text.focus();
  }

  #typed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  async #send() {
    const content = this.#text.value;
    if (!content.trim() || this.#form.hasAttribute("data-sending")) return;
    this.#form.toggleAttribute("data-sending", true);
    const sent = await this.#post("input", { content });
    this.#form.removeAttribute("data-sending");
    // Keep text typed meanwhile, or not sent.
    if (sent && this.#text.value === content) this.#text.value = "";
  }

  async #sendSignal(signal) {
    const { confirmed } = await import("../lib/dialog.js");
    if (await confirmed(...SIGNALS[signal])) await this.#post("signal", { signal });
  }

  #post(what, body) {
    return showingErrors(this.#alert, () => call("POST", `${this.#path}/${what}`, body), "Not sent.");
  }
}
