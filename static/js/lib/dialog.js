import { element } from "./dom.js";

/**
 * Asks for confirmation of something that can't be undone.
 * @param {string} question
 * @param {string} explanation
 * @param {string} yes the label of the button that confirms
 * @returns {Promise<boolean>}
 */
export async function confirmed(question, explanation, yes) {
  const form = element("form", { method: "dialog" }, element("p", {}, explanation), buttons(yes));
  return (await showDialog(question, form)) === "yes";
}

/**
 * Shows a modal dialog until it is closed.
 * @param {string} title
 * @param {...HTMLElement} content with a form of `method="dialog"`
 * @returns {Promise<string>} the value of the button that closed it; "" if it was dismissed
 */
export function showDialog(title, ...content) {
  const dialog = element(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title" },
    element("h2", { id: "dialog-title" }, title),
    ...content,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

function buttons(yes) {
  return element(
    "div",
    { class: "dialog-buttons" },
    element("button", { class: "button", value: "no" }, "Cancel"),
    element("button", { class: "button danger", value: "yes" }, yes),
  );
}
