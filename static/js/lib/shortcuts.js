import { element } from "./dom.js";
import { gridAddress } from "./pins.js";

/** @type {Map<string, [description: string, act: () => void]>} */
const known = new Map();

/**
 * Adds keyboard shortcuts to this page. `?` lists them.
 * @param {Record<string, [description: string, act: () => void]>} more by key
 */
export function shortcuts(more) {
  for (const [key, entry] of Object.entries(more)) known.set(key, entry);
}

async function list() {
  const { showDialog } = await import("./dialog.js");
  const rows = [...known].flatMap(([key, [description]]) => [
    element("dt", {}, element("kbd", {}, key)),
    element("dd", {}, description),
  ]);
  const close = element(
    "form",
    { method: "dialog", class: "dialog-buttons" },
    element("button", { class: "button" }, "Close"),
  );
  showDialog("Keyboard shortcuts", element("dl", { class: "shortcuts" }, ...rows), close);
}

const isField = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

addEventListener("keydown", (event) => {
  const modified = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
  if (modified || event.isComposing || isField(event.target) || document.querySelector("dialog[open]")) return;
  const [, act] = known.get(event.key) ?? [];
  if (!act) return;
  event.preventDefault();
  act();
});

shortcuts({
  "?": ["Show keyboard shortcuts", list],
  h: ["Go to the overview", () => location.assign("/")],
  p: ["Go to pinned agents", () => location.assign(gridAddress())],
});
for (const button of document.querySelectorAll("[data-shortcuts]")) button.addEventListener("click", list);
