import { shortcuts } from "../lib/shortcuts.js";

/** Opens the search: with Ctrl-K, and with `/` on pages that have no search of their own. */
async function openSearch() {
  const { SearchDialog } = await import("./dialog.js");
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
shortcuts({ "Ctrl K": ["Search everywhere", openSearch] });
