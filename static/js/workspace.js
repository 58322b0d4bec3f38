import "./lib/copy.js";
import { Board } from "./board/board.js";
import { partsOf } from "./lib/dom.js";
import { shortcuts } from "./lib/shortcuts.js";
import { showEnd, showHeader } from "./lib/workspace-page.js";
import { followWorkspace } from "./lib/workspaces.js";

const page = document.getElementById("workspace");
const part = partsOf(page);
const id = page.dataset.workspace;
const board = new Board(page);

function render(workspace) {
  showHeader(page, workspace);
  part("loading").hidden = true;
  part("empty").hidden = workspace.agents.size > 0;
  const isViewer = workspace.members.myRole === "viewer";
  part("empty-viewer").hidden = !isViewer;
  part("empty-operator").hidden = isViewer;
  const title = `${workspace.name} · Agentstream`;
  if (!document.title.endsWith(title)) document.title = title;
  board.show(id, workspace);
}

function end({ reason }) {
  board.remove(id);
  for (const name of ["loading", "empty"]) part(name).hidden = true;
  showEnd(page, reason);
}

followWorkspace(id, { onchange: render, onupdate: (update) => board.updated(update), onended: end });
shortcuts({ "/": ["Filter agents", () => part("filter-words").focus()] });
