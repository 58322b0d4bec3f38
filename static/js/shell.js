import { shortcuts } from "./lib/shortcuts.js";
import { Needs, focusAfter } from "./shell/needs.js";

new Needs();

/** Opens the search, which also finds pages and actions: with Ctrl-K, and with `/` on pages that have no search of their own. */
async function openSearch() {
  const { SearchDialog } = await import("./search/dialog.js");
  if (!document.querySelector("dialog[open]")) new SearchDialog().open();
}

addEventListener("keydown", (event) => {
  const pressed = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key === "k";
  if (!pressed || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  openSearch();
});
for (const button of document.querySelectorAll("[data-search-everywhere]")) {
  button.addEventListener("click", openSearch);
}
if (!document.querySelector("[data-search], [data-filter-words]")) {
  shortcuts({ "/": ["Search everywhere", openSearch] });
}
shortcuts({ "Ctrl K": ["Search everywhere, or go to a page", openSearch] });

function step(by) {
  const items = [...document.querySelectorAll(".agent-row > a, .panel-name")];
  if (items.length) focusAfter(items, by);
}

if (document.querySelector("[data-groups], [data-grid]")) {
  shortcuts({ j: ["Next agent in the list", () => step(1)], k: ["Previous agent in the list", () => step(-1)] });
}
