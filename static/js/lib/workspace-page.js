import { partsOf } from "./dom.js";

/**
 * Updates the header that a workspace's pages share: its name, the user's role, the numbers of agents and members.
 * @param {HTMLElement} page
 * @param {import("./workspaces.js").Workspace} workspace
 */
export function showHeader(page, { name, agents, members }) {
  const part = partsOf(page);
  part("name").textContent = name;
  if (members.myRole) part("role").textContent = members.myRole;
  part("agents-count").textContent = agents.size;
  part("people-count").textContent = members.sorted.length;
}

/**
 * Shows that the workspace is gone, or no longer accessible.
 * @param {HTMLElement} page
 * @param {string} reason
 */
export function showEnd(page, reason) {
  const notice = partsOf(page)("gone");
  notice.hidden = false;
  notice.textContent =
    reason === "deleted" ? "This workspace was deleted." : "You no longer have access to this workspace.";
}
