// Keeps the status and context columns of the admin's list of agents current.
import { AgentStream } from "../clients/js/agentstream.js";

const rows = new Map();
for (const cell of document.querySelectorAll("[data-agent]")) {
  const row = rows.get(cell.dataset.agent) ?? {};
  row[cell.dataset.field] = cell;
  rows.set(cell.dataset.agent, row);
}

function follow(stream, id, { status, context }) {
  const show = ({ status: word, contextLevel: level }) => {
    if (word) status.textContent = word;
    if (level !== undefined) context.textContent = level === null ? "-" : `${level} %`;
  };
  const agent = stream.agent(id);
  agent.on("subscribed", ({ state }) => show(state));
  agent.on("status", show);
  agent.on("context", show);
}

if (rows.size) {
  const stream = new AgentStream();
  for (const [id, row] of rows) follow(stream, id, row);
}
