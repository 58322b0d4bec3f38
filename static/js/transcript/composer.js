import { call } from "../lib/api.js";
import { ask } from "../lib/dialog.js";
import { attempt } from "../lib/attempt.js";
import { onSubmit } from "../lib/dom.js";

const SIGNALS = {
  interrupt: ["Interrupt this agent?", "It is asked to stop what it is doing now, as by Ctrl+C, and may go on with something else.", "Interrupt"],
  stop: ["Stop this agent?", "Its process is ended. What it has not saved is lost.", "Stop it"],
};

/** The box in which a person answers an agent, and the buttons that interrupt or stop it. */
export class Composer {
  #form;
  #text;
  #trouble;
  #path;

  constructor(form, agentId) {
    this.#form = form;
    this.#text = form.querySelector("textarea");
    this.#trouble = form.querySelector("[data-trouble]");
    this.#path = `/agents/${agentId}`;
    onSubmit(form, () => this.#send());
    this.#text.addEventListener("keydown", (event) => this.#typed(event));
    for (const button of form.querySelectorAll("[data-signal]")) button.addEventListener("click", () => this.#signal(button.dataset.signal));
  }

  /** Only what runs can be interrupted or stopped. */
  show({ status }) {
    const over = status === "finished" || status === "offline";
    for (const button of this.#form.querySelectorAll("[data-signal]")) button.disabled = over;
    this.#form.toggleAttribute("data-wanted", status === "waiting");
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
    const sent = await this.#try("input", { content });
    this.#form.removeAttribute("data-sending");
    // What was typed meanwhile, or could not be sent, stays.
    if (sent && this.#text.value === content) this.#text.value = "";
  }

  async #signal(signal) {
    if (await ask(...SIGNALS[signal])) await this.#try("signal", { signal });
  }

  #try(what, body) {
    return attempt(this.#trouble, () => call("POST", `${this.#path}/${what}`, body), "That was not sent.");
  }
}
