// Not a module, because it must run before the page is painted; otherwise the other theme would flash.
(() => {
  const KEY = "agentstream.theme";
  const root = document.documentElement;
  const chosen = () => localStorage.getItem(KEY) ?? "system";

  const apply = () => {
    if (chosen() === "system") delete root.dataset.theme;
    else root.dataset.theme = chosen();
    for (const radio of document.querySelectorAll("input[name=theme]")) {
      if (radio instanceof HTMLInputElement) radio.checked = radio.value === chosen();
    }
  };

  apply();
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", apply);
  addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLInputElement) || target.name !== "theme") return;
    localStorage.setItem(KEY, target.value);
    apply();
  });
})();
