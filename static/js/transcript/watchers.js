import { Lookout } from "../lib/poller.js";

/** The server asks all its processes. */
const EVERY = 15_000;
/** As many as fit beside the status. */
const NAMED = 3;

/** Says in `element` who else watches the agent; `me` is not told of themselves. Asked for only while somebody looks. */
export function showWatchers(element, agentId, me) {
  const others = (viewers) => viewers.map(({ user }) => user).filter((user) => user !== me);
  new Lookout(`/agents/${agentId}/viewers`, (viewers) => show(element, others(viewers)), { every: EVERY }).ask();
}

function show(element, names) {
  element.hidden = !names.length;
  const words = names.length ? `${list(names)} ${names.length === 1 ? "watches" : "watch"} too` : "";
  if (element.textContent === words) return;
  element.textContent = words;
  element.title = names.join(", ");
}

function list(names) {
  const rest = names.length - NAMED;
  const shown = rest > 0 ? [...names.slice(0, NAMED), `${rest} more`] : names;
  return new Intl.ListFormat("en").format(shown);
}
