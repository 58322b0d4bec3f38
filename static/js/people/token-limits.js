import { element } from "../lib/dom.js";
import { formatDayAndTime } from "../lib/format.js";

/** The limits chosen in the form for a new token, as the API expects them. */
export function chosenLimits(form) {
  const scopes = [...form.querySelectorAll("[data-scopes] input:checked")].map(({ value }) => value);
  const workspace = form.querySelector("[data-workspace]").value;
  return { scopes, agents: form.querySelector("[data-agents]").value, ...(workspace && { workspace }) };
}

/** The slug of the chosen workspace; undefined for all. */
export function chosenSlug(form) {
  return form.querySelector("[data-workspace]").selectedOptions[0].dataset.slug;
}

/** What a token may do, where, and when it was last used, for its row in the list. */
export function limitsOf(form, token) {
  const { fullAccess, scopes, workspace, agents, lastUsedAt, lastAddress } = token;
  const tags = fullAccess ? ["full access"] : scopes;
  const option = workspace && form.querySelector(`[data-workspace] option[value="${workspace}"]`);
  const where = workspace ? [`in ${option ? option.textContent : "a workspace you can't see"}`] : [];
  const which = agents ? [`agents ${agents}`] : [];
  const used = lastUsedAt
    ? `last used ${formatDayAndTime(lastUsedAt)}${lastAddress ? ` from ${lastAddress}` : ""}`
    : "not used yet";
  return [
    ...tags.map((tag) => element("span", { class: "tag" }, tag)),
    element("span", { class: "muted people-times" }, [...where, ...which, used].join(", ")),
  ];
}
