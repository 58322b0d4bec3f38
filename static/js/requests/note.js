import { element } from "../lib/dom.js";

/** A field for a note that goes with an option: the option's second button opens it. */
export class Note {
  /** @type {HTMLElement} */
  element;
  /** Opens the field. @type {HTMLButtonElement} */
  button;
  /** Called when the field opens or closes. */
  ontoggle = () => {};
  #text;

  /**
   * @param {string} label of the option
   * @param {(text: string) => void} onsend
   */
  constructor(label, onsend) {
    this.button = element("button", { class: "button request-note-open", type: "button" }, `${label} with a note…`);
    this.#text = element("textarea", {
      rows: 2,
      "aria-label": "Note to the agent",
      placeholder: "What should it do instead?",
    });
    const send = element(
      "button",
      { class: "button", type: "button", "data-effect": "deny" },
      element("span", {}, label),
    );
    const cancel = element("button", { class: "button quiet", type: "button" }, "Cancel");
    const buttons = element("div", { class: "request-buttons" }, send, cancel);
    this.element = element("div", { class: "request-note", hidden: true }, this.#text, buttons);
    this.button.addEventListener("click", () => this.#toggle(true));
    cancel.addEventListener("click", () => this.#toggle(false));
    send.addEventListener("click", () => (this.#text.value.trim() ? onsend(this.#text.value) : this.#text.focus()));
    this.#text.addEventListener("keydown", (event) => event.key === "Escape" && this.#toggle(false));
  }

  get open() {
    return !this.element.hidden;
  }

  close() {
    this.element.hidden = true;
  }

  #toggle(open) {
    this.element.hidden = !open;
    this.ontoggle();
    (open ? this.#text : this.button).focus();
  }
}
