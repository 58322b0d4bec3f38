import { element } from "./dom.js";

/**
 * A button that copies the text of `source`.
 * @param {HTMLElement} source
 * @param {Record<string, string>} [attributes]
 */
export function copyButton(source, attributes = {}) {
  const button = element("button", { type: "button", ...attributes }, "Copy");
  button.addEventListener("click", () => copy(source, button));
  return button;
}

async function copy(source, button) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1_500);
  } catch {
    // Without HTTPS there is no clipboard; selecting the text is the next best thing.
    getSelection().selectAllChildren(source);
  }
}

/** `<copy-command>a shell command</copy-command>`, with a button that copies it. */
class CopyCommand extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("button")) return;
    const code = element("code", {}, ...this.childNodes);
    this.replaceChildren(code, copyButton(code));
  }
}

customElements.define("copy-command", CopyCommand);
