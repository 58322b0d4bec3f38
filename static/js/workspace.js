import "./copy-command.js";
import { Board } from "./board.js";
import { followWorkspace } from "./follow-workspace.js";
import { shortcuts } from "./shortcuts.js";

const page = document.getElementById("workspace");
const part = (name) => page.querySelector(`[data-${name}]`);
const id = page.dataset.workspace;
const board = new Board(page, { title: document.title });

function render(workspace) {
  part("name").textContent = workspace.name;
  part("loading").hidden = true;
  part("empty").hidden = workspace.agents.size > 0;
  board.title = `${workspace.name} · Agentstream`;
  board.show(id, workspace);
}

function end({ reason }) {
  board.remove(id);
  for (const name of ["loading", "empty"]) part(name).hidden = true;
  part("gone").hidden = false;
  part("gone").textContent = reason === "deleted" ? "This workspace was deleted." : "You no longer have access to this workspace.";
}

followWorkspace(id, { onchange: render, onended: end });
shortcuts({ "/": ["Search the agents", () => part("filter-words").focus()] });
