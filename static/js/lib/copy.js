import { element } from "./dom.js";

/** `<copy-command>a shell command</copy-command>` with a button that copies it. */
class CopyCommand extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("button")) return;
    const code = element("code", {}, ...this.childNodes);
    const button = element("button", { type: "button" }, "Copy");
    button.addEventListener("click", () => this.#copy(code, button));
    this.replaceChildren(code, button);
  }

  async #copy(code, button) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1_500);
    } catch {
      // Without HTTPS there is no clipboard; selecting it is the next best thing.
      getSelection().selectAllChildren(code);
    }
  }
}

customElements.define("copy-command", CopyCommand);
