import "./lib/copy.js";
import { partsOf } from "./lib/dom.js";
import { showEnd, showHeader } from "./lib/workspace-page.js";
import { followWorkspace } from "./lib/workspaces.js";

const REFRESH_MS = 2_000; // the shortest time between two refreshes: each sums up the whole period

const page = document.getElementById("usage");
const part = partsOf(page);
let outdated = false;
let busy = false;

/** Fetches the figures again, once the page is visible and REFRESH_MS have passed since the last time. */
async function refresh() {
  outdated = true;
  if (busy || document.hidden) return;
  busy = true;
  outdated = false;
  const response = await fetch(location.href).catch(() => undefined);
  if (response?.ok && !response.redirected) show(await response.text());
  setTimeout(() => {
    busy = false;
    if (outdated) refresh();
  }, REFRESH_MS);
}

/** @param {string} text the page as it is now */
function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-figures]");
  const before = part("figures");
  if (!fresh) return;
  const days = fresh.querySelector("details");
  if (days && before.querySelector("details")?.open) days.open = true;
  if (!fresh.isEqualNode(before)) before.replaceWith(document.adoptNode(fresh));
}

const subscription = followWorkspace(page.dataset.workspace, {
  onchange: (workspace) => showHeader(page, workspace),
  onended({ reason }) {
    part("figures").hidden = true;
    showEnd(page, reason);
  },
});
subscription.on("subscribed", refresh); // more may have been reported since the page was made
subscription.on("updated", ({ change }) => change === "agent_usage" && refresh());
document.addEventListener("visibilitychange", () => outdated && refresh());
