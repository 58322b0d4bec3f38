import "./lib/copy.js";
import { Board } from "./board/board.js";
import { followWorkspace } from "./lib/follow-workspace.js";
import { shortcuts } from "./lib/shortcuts.js";
import { showEnd, showHead } from "./lib/workspace-head.js";

const page = document.getElementById("workspace");
const part = (name) => page.querySelector(`[data-${name}]`);
const id = page.dataset.workspace;
const board = new Board(page, { title: document.title });

function render(workspace) {
  showHead(page, workspace);
  part("loading").hidden = true;
  part("empty").hidden = workspace.agents.size > 0;
  const watches = workspace.members.myRole === "viewer";
  part("empty-viewer").hidden = !watches;
  part("empty-operator").hidden = watches;
  board.title = `${workspace.name} · Agentstream`;
  board.show(id, workspace);
}

function end({ reason }) {
  board.remove(id);
  for (const name of ["loading", "empty"]) part(name).hidden = true;
  showEnd(page, reason);
}

followWorkspace(id, { onchange: render, onended: end });
shortcuts({ "/": ["Search the agents", () => part("filter-words").focus()] });
