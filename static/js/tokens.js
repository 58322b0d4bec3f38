import "./lib/copy.js";
import { call } from "./lib/api.js";
import { ask } from "./lib/dialog.js";
import { attempt } from "./lib/attempt.js";
import { element, onSubmit } from "./lib/dom.js";
import { Lookout } from "./lib/poller.js";
import { chosenLimits, chosenSlug, limitsOf } from "./people/token-limits.js";

const page = document.getElementById("tokens");
const part = (name) => page.querySelector(`[data-${name}]`);
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** They are made and deleted elsewhere too. */
const lookout = new Lookout("/tokens", show);

function show(tokens) {
  part("loading").hidden = true;
  part("none").hidden = tokens.length > 0;
  part("list").replaceChildren(...tokens.map(row));
}

function row(token) {
  const { id, name, hint, createdAt, expiresAt } = token;
  const remove = element("button", { type: "button", class: "button quiet", "aria-label": `Delete the token ${name}` }, "Delete");
  remove.addEventListener("click", () => removed(id, name));
  const over = expiresAt && new Date(expiresAt) < new Date();
  const until = expiresAt ? `${over ? "expired" : "until"} ${day.format(new Date(expiresAt))}` : "until it is deleted";
  const words = element("span", { class: "people-name" }, element("strong", {}, name), " ", element("code", { class: "muted" }, `${hint}…`));
  const times = element("span", { class: "muted people-times" }, `made ${day.format(new Date(createdAt))}, ${until}`);
  return element("li", { class: "people-row", "data-token": id }, words, ...limitsOf(part("form"), token), times, remove);
}

async function make() {
  const days = part("days").value;
  const body = { name: part("name").value, ...(days && { days: Number(days) }), ...chosenLimits(part("form")) };
  const made = await attempt(part("trouble"), () => call("POST", "/tokens", body));
  if (!made) return;
  part("name").value = "";
  part("made").dataset.id = made.id;
  part("made-name").textContent = made.name;
  const { url } = page.dataset;
  const slug = chosenSlug(part("form")) ?? page.dataset.slug;
  // The token is pasted into a prompt, because every user of a machine can read its command lines.
  const command = `agentstream login --url ${url} && agentstream run --url ${url} --workspace ${slug} --name hello -- COMMAND`;
  part("secret").replaceChildren(element("copy-command", {}, made.token));
  part("command").replaceChildren(element("copy-command", {}, command));
  part("made").hidden = false;
  part("secret").querySelector("button").focus();
  await lookout.ask();
}

async function removed(id, name) {
  const sure = await ask(`Delete the token ${name}?`, "Whatever uses it is cut off at once: runners, scripts, open connections.", "Delete");
  if (!sure) return;
  await attempt(part("trouble"), () => call("DELETE", `/tokens/${id}`));
  if (part("made").dataset.id === id) part("made").hidden = true;
  await lookout.ask();
}

onSubmit(part("form"), make);
lookout.ask();
