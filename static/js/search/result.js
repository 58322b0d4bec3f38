import { escapeBidi } from "../lib/visible.js";
import { element } from "../lib/dom.js";

const SOURCES = { "agent:input": "sent to it", "agent:error": "error", "agent:request": "request" };

/** An agent whose name or labels match. */
export function agentItem({ agentId, name, labels, archived }) {
  const told = Object.entries(labels).map(([key, value]) => `${key}: ${value}`);
  return item(`/a/${agentId}/`, name, archived ? "archived agent" : "agent", [escapeBidi(told.join(" · "))]);
}

/** A piece of output, linked to its place in the transcript. */
export function resultItem({ agentId, name, seq, type, time, snippet }) {
  const note = [SOURCES[type], new Date(time).toLocaleString()].filter(Boolean).join(" · ");
  return item(`/a/${agentId}/#${seq}`, name, note, marked(snippet));
}

/** A page, or an action. @param {import("./commands.js").Command} command */
export function commandItem({ name, note, href, act }) {
  if (href) return item(href, name, note, []);
  const button = element(
    "button",
    { type: "button" },
    element("span", { class: "search-name" }, name),
    element("span", { class: "search-note" }, note),
  );
  button.addEventListener("click", () => setTimeout(act, 0)); // once the dialog has closed
  return element("li", {}, button);
}

function item(href, name, note, content) {
  return element(
    "li",
    {},
    element(
      "a",
      { href },
      element("span", { class: "search-name" }, escapeBidi(name)),
      element("span", { class: "search-note" }, note),
      element("span", { class: "search-snippet" }, ...content),
    ),
  );
}

/** The snippet with its matches marked; always text, never markup. */
function marked({ text, matches }) {
  const characters = [...text]; // matches count code points
  const piece = (from, to) => escapeBidi(characters.slice(from, to).join(""));
  const nodes = [];
  let at = 0;
  for (const [start, end] of matches) {
    nodes.push(piece(at, start), element("mark", {}, piece(start, end)));
    at = end;
  }
  return [...nodes, piece(at)];
}
