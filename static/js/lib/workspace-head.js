/** The head that the pages of a workspace share: its name, the reader's role, how many agents and people there are. */
export function showHead(page, { name, agents, members }) {
  const part = (what) => page.querySelector(`[data-${what}]`);
  part("name").textContent = name;
  if (members.myRole) part("role").textContent = members.myRole;
  part("agents-count").textContent = agents.size;
  part("people-count").textContent = members.sorted.length;
}

/** Says that the workspace is gone, or that one is no longer in it, in place of what was shown. */
export function showEnd(page, reason) {
  const gone = page.querySelector("[data-gone]");
  gone.hidden = false;
  gone.textContent = reason === "deleted" ? "This workspace was deleted." : "You no longer have access to this workspace.";
}
