import "./copy-command.js";
import { Board } from "./board.js";
import { plural } from "./dom.js";
import { followWorkspace } from "./follow-workspace.js";
import { shortcuts } from "./shortcuts.js";
import { renderTally } from "./tally.js";

const root = document.getElementById("board");
const cards = [...document.querySelectorAll("[data-workspace]")];
const loaded = new Map();

if (root) {
  const board = new Board(root, { withWorkspace: true, title: document.title });
  for (const card of cards) follow(card, board);
  shortcuts({ "/": ["Search the agents", () => root.querySelector("[data-filter-words]").focus()] });
}

function follow(card, board) {
  const id = card.dataset.workspace;
  followWorkspace(id, {
    onchange: (workspace) => {
      renderCard(card, workspace);
      board.show(id, workspace);
      loaded.set(id, workspace.agents.size);
      showEmpty();
    },
    onended: () => {
      card.remove();
      board.remove(id);
      loaded.set(id, 0);
      showEmpty();
    },
  });
}

function renderCard(card, { name, agents }) {
  card.querySelector("a").textContent = name;
  card.querySelector("[data-count]").textContent = agents.size ? plural(agents.size, "agent") : "No agents yet";
  renderTally(card.querySelector("[data-tally]"), [...agents.values()]);
}

/** Only once every workspace has answered is it known that there is nothing. */
function showEmpty() {
  root.querySelector("[data-loading]").hidden = true;
  const empty = loaded.size === cards.length && [...loaded.values()].every((count) => !count);
  root.querySelector("[data-empty]").hidden = !empty;
}
