import "./copy-command.js";
import { arrange, element, plural } from "./dom.js";
import { followWorkspace } from "./follow-workspace.js";
import { attention, byUrgency, reasonWords, statusWord } from "./status.js";
import { renderTally, titleWith } from "./tally.js";

const NAMED = 3;
const title = document.title;
const grid = document.getElementById("workspaces");
const cards = [...document.querySelectorAll("[data-workspace]")];
const urgentIn = new Map();

function why(agent) {
  const what = attention(agent);
  if (what === "context") return `context ${agent.contextLevel} %`;
  const [word, reason] = [statusWord(agent.status).toLowerCase(), reasonWords(agent.reason)];
  return what === "error" && reason ? reason : `${word} ${reason}`.trim();
}

function urgentItem(agent) {
  const what = attention(agent);
  const name = element("span", { class: "urgent-name" }, agent.name);
  const reason = element("span", { class: "urgent-why" }, why(agent));
  return element("li", {}, element("a", { href: `/a/${agent.id}/`, "data-status": what }, element("span", { class: "shape" }), name, reason));
}

function renderUrgent(list, urgent) {
  const items = urgent.slice(0, NAMED).map(urgentItem);
  const rest = urgent.length - items.length;
  if (rest) items.push(element("li", { class: "urgent-more" }, `and ${rest} more`));
  list.replaceChildren(...items);
}

function renderCard(card, { name, agents }) {
  const all = [...agents.values()];
  const urgent = all.filter(attention).sort(byUrgency);
  card.querySelector("h2 a").textContent = name;
  card.querySelector("[data-count]").textContent = all.length ? plural(all.length, "agent") : "No agents yet";
  renderTally(card.querySelector("[data-tally]"), all);
  renderUrgent(card.querySelector("[data-urgent-list]"), urgent);
  if (urgent.length) card.dataset.urgent = attention(urgent[0]);
  else delete card.dataset.urgent;
  urgentIn.set(card, urgent.length);
  renderOrder();
}

/** Workspaces that want a person come first; otherwise they stay in the order they came in. */
function renderOrder() {
  const urgent = cards.filter((card) => urgentIn.get(card));
  arrange(grid, [...urgent, ...cards.filter((card) => card.isConnected && !urgent.includes(card))]);
  titleWith(urgent.reduce((sum, card) => sum + urgentIn.get(card), 0), title);
}

for (const card of cards) {
  followWorkspace(card.dataset.workspace, {
    onchange: (workspace) => renderCard(card, workspace),
    onended: () => {
      urgentIn.delete(card);
      card.remove();
      renderOrder();
    },
  });
}
