import { element } from "../lib/dom.js";
import { attention, statusWord } from "../lib/status.js";

/** How many agents want a person, and why. */
export function renderTally(list, agents) {
  const counts = new Map(["error", "waiting", "context"].map((what) => [what, 0]));
  for (const what of agents.map(attention)) if (counts.has(what)) counts.set(what, counts.get(what) + 1);
  list.replaceChildren(...[...counts].filter(([, count]) => count).map(([what, count]) => item(what, count)));
}

function item(what, count) {
  const words = `${count} ${what === "context" ? "nearly out of context" : statusWord(what).toLowerCase()}`;
  return element("li", { "data-status": what, "data-urgent": true }, element("span", { class: "shape" }), words);
}
