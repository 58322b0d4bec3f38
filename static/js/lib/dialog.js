import { element } from "./dom.js";

/** Asks before something that cannot be taken back; true if the answer is yes. */
export function ask(question, explanation, yes) {
  const dialog = element(
    "dialog",
    { class: "ask", "aria-labelledby": "ask-question" },
    element("form", { method: "dialog" }, element("h2", { id: "ask-question" }, question), element("p", {}, explanation), buttons(yes)),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

function buttons(yes) {
  return element(
    "div",
    { class: "ask-buttons" },
    element("button", { class: "button", value: "no" }, "Cancel"),
    element("button", { class: "button danger", value: "yes" }, yes),
  );
}
