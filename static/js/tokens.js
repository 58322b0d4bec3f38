import "./lib/copy.js";
import { call, showingErrors } from "./lib/api.js";
import { confirmed } from "./lib/dialog.js";
import { element, onSubmit, partsOf } from "./lib/dom.js";
import { formatDay, formatDayAndTime } from "./lib/format.js";
import { Poller } from "./lib/poller.js";
import { chosenLimits, chosenSlug, limitsOf } from "./people/token-limits.js";

const page = document.getElementById("tokens");
const part = partsOf(page);

/** Tokens are also created and deleted elsewhere. */
const poller = new Poller("/tokens", show);

function show(tokens) {
  part("loading").hidden = true;
  part("none").hidden = tokens.length > 0;
  part("list").replaceChildren(...tokens.map(row));
}

function row(token) {
  const { id, name, hint, createdAt, expiresAt, lastUsedAt, lastAddress } = token;
  const remove = element(
    "button",
    { type: "button", class: "button quiet", "aria-label": `Delete the token ${name}` },
    "Delete",
  );
  remove.addEventListener("click", () => deleteToken(id, name));
  const expired = expiresAt && new Date(expiresAt) < new Date();
  const expiry = expiresAt ? `${expired ? "expired" : "expires"} ${formatDay(expiresAt)}` : "never expires";
  const used = lastUsedAt ? `last used ${formatDayAndTime(lastUsedAt)} from ${lastAddress}` : "never used";
  const label = element(
    "span",
    { class: "people-name" },
    element("strong", {}, name),
    " ",
    element("code", { class: "muted" }, `${hint}…`),
  );
  const times = element("span", { class: "muted people-times" }, `created ${formatDay(createdAt)}, ${expiry}, ${used}`);
  return element(
    "li",
    { class: "people-row", "data-token": id },
    label,
    ...limitsOf(part("form"), token),
    times,
    remove,
  );
}

async function create() {
  const days = part("days").value;
  const body = { name: part("name").value, ...(days && { days: Number(days) }), ...chosenLimits(part("form")) };
  const made = await showingErrors(part("trouble"), () => call("POST", "/tokens", body));
  if (!made) return;
  part("name").value = "";
  part("made").dataset.id = made.id;
  part("made-name").textContent = made.name;
  const { url } = page.dataset;
  const slug = chosenSlug(part("form")) ?? page.dataset.slug;
  // The token is entered at a prompt, because every user of a machine can read its command lines.
  const command = `agentstream login --url ${url} && agentstream run --url ${url} --workspace ${slug} --name hello -- COMMAND`;
  part("secret").replaceChildren(element("copy-command", {}, made.token));
  part("command").replaceChildren(element("copy-command", {}, command));
  part("run").hidden = !made.scopes.includes("publish");
  part("made").hidden = false;
  part("secret").querySelector("button").focus();
  await poller.poll();
}

async function deleteToken(id, name) {
  const consequence = "Everything that uses it loses access immediately: runners, scripts, open connections.";
  if (!(await confirmed(`Delete the token ${name}?`, consequence, "Delete"))) return;
  await showingErrors(part("trouble"), () => call("DELETE", `/tokens/${id}`));
  if (part("made").dataset.id === id) part("made").hidden = true;
  await poller.poll();
}

onSubmit(part("form"), create);
poller.poll();
