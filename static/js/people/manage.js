import { announce } from "../lib/announce.js";
import { call } from "../lib/api.js";
import { showDialog } from "../lib/dialog.js";
import { element } from "../lib/dom.js";

/** How long a deletion can be undone. */
const UNDO_MS = 10_000;

/** Asks for a name, creates a workspace of that name and goes there. */
export function newWorkspace() {
  return askName("New workspace", "Create workspace", "", async (name) => {
    const { slug } = await call("POST", "/workspaces", { name });
    location.assign(`/w/${slug}/`);
  });
}

/** @param {string} id @param {string} name */
export function renameAgent(id, name) {
  return askName(`Rename ${name}`, "Rename", name, (wanted) => call("PATCH", `/agents/${id}`, { name: wanted }));
}

/**
 * Deletes an agent in ten seconds, unless that is undone. Leaving the page deletes it at once.
 * @param {string} id
 * @param {string} name
 */
export function deleteAgent(id, name) {
  const undo = element("button", { type: "button", class: "button" }, "Undo");
  const text = element("p", {}, `${name} and its history will be deleted in 10 seconds.`);
  const toast = element("div", { class: "toast", role: "alert" }, text, undo);
  const remove = () => {
    clear();
    call("DELETE", `/agents/${id}`).catch(({ message }) => announce(`Not deleted. ${message}`));
  };
  const timer = setTimeout(remove, UNDO_MS);
  const clear = () => {
    clearTimeout(timer);
    removeEventListener("pagehide", remove);
    toast.remove();
  };
  addEventListener("pagehide", remove);
  undo.addEventListener("click", () => {
    clear();
    announce(`${name} was not deleted.`);
  });
  document.body.append(toast);
  undo.focus();
}

async function askName(title, label, name, act) {
  const field = element("input", { required: true, maxlength: 100, autocomplete: "off", "aria-label": "Name" });
  field.value = name;
  const trouble = element("p", { class: "field-error", role: "alert", hidden: true });
  const cancel = element("button", { class: "button", type: "button" }, "Cancel");
  const form = element(
    "form",
    { class: "field", method: "dialog" },
    field,
    trouble,
    element("div", { class: "dialog-buttons" }, cancel, element("button", { class: "button primary" }, label)),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await act(field.value);
      form.closest("dialog").close();
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
  });
  cancel.addEventListener("click", () => form.closest("dialog").close());
  void showDialog(title, form);
  field.select();
}
