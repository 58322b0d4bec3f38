import { element } from "./dom.js";
import { STATUSES, attention, statusWord } from "./status.js";

/** How many agents are in each status, the urgent ones first. */
export function renderTally(list, agents) {
  const counts = new Map(Object.keys(STATUSES).map((status) => [status, 0]));
  for (const { status } of agents) counts.set(status, (counts.get(status) ?? 0) + 1);
  const items = [...counts].filter(([, count]) => count).map(([status, count]) => item(status, `${count} ${statusWord(status).toLowerCase()}`));
  const full = agents.filter((agent) => attention(agent) === "context").length;
  if (full) items.push(item("context", `${full} nearly out of context`, true));
  list.replaceChildren(...items.sort((one, other) => other.hasAttribute("data-urgent") - one.hasAttribute("data-urgent")));
}

function item(status, words, urgent = STATUSES[status]?.attention) {
  return element("li", { "data-status": status, "data-urgent": urgent }, element("span", { class: "shape" }), words);
}

/** The tab's title tells how many agents want a person. */
export function titleWith(count, title) {
  document.title = count ? `(${count}) ${title}` : title;
}
