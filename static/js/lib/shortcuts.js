import { element } from "./dom.js";

const known = new Map();

/** Keys that do something on this page: `{key: [what, act]}`. They are listed under `?`. */
export function shortcuts(more) {
  for (const [key, entry] of Object.entries(more)) known.set(key, entry);
}

function list() {
  const rows = [...known].flatMap(([key, [what]]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)]);
  const dialog = element(
    "dialog",
    { class: "ask", "aria-labelledby": "shortcuts-title" },
    element("h2", { id: "shortcuts-title" }, "Keyboard shortcuts"),
    element("dl", { class: "shortcuts" }, ...rows),
    element("form", { method: "dialog", class: "ask-buttons" }, element("button", { class: "button" }, "Close")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const writing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

addEventListener("keydown", (event) => {
  const modified = event.ctrlKey || event.metaKey || event.altKey;
  if (modified || event.isComposing || writing(event.target) || document.querySelector("dialog[open]")) return;
  const [, act] = known.get(event.key) ?? [];
  if (!act) return;
  event.preventDefault();
  act();
});

shortcuts({
  "?": ["List the shortcuts", list],
  h: ["Go to the overview", () => location.assign("/")],
  p: ["Go to the pinned agents", () => import("./pins.js").then(({ gridAddress }) => location.assign(gridAddress()))],
});
for (const button of document.querySelectorAll("[data-shortcuts]")) button.addEventListener("click", list);
