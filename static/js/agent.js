import "./lib/agent-status.js";
import "./lib/agent-elements.js";
import "./lib/copy.js";
import { Composer } from "./transcript/composer.js";
import { download } from "./transcript/download.js";
import { style } from "./transcript/entry-view.js";
import { followWorkspace } from "./lib/follow-workspace.js";
import { Follower } from "./transcript/auto-scroll.js";
import { earlier } from "./transcript/history.js";
import { isPinned, togglePin } from "./lib/pins.js";
import { loadMarkdown } from "./transcript/rich.js";
import { Search } from "./transcript/search.js";
import { shortcuts } from "./lib/shortcuts.js";
import { STATUSES, statusWord } from "./lib/status.js";
import { stream } from "./lib/stream.js";
import { Transcript } from "./transcript/transcript.js";
import { Vitals } from "./transcript/timeline.js";
import { showWatchers } from "./transcript/watchers.js";

/** How much of the past is shown at first, and how much before an event that a link points to. */
const PAST = 500;
const BEFORE = 50;

const page = document.getElementById("agent");
const part = (name) => page.querySelector(`[data-${name}]`);
const { agent: agentId, workspace: workspaceId } = page.dataset;
const status = page.querySelector("agent-status");
const gauge = page.querySelector("context-gauge");
const names = { agent: part("name").textContent, workspace: part("workspace-name").textContent };
const present = { seq: 0, status: status.getAttribute("status") };
const composer = new Composer(part("composer"), agentId);
const vitals = new Vitals(part("vitals"), agentId);
let oldest = Number(page.dataset.oldest);
let wanted = linked();
let loading = null;

const follower = new Follower(part("scroll"), part("new"));
export const transcript = new Transcript(part("entries"), follower, { onchange: () => changed() });
const search = new Search(part("search"), transcript, part("entries"), () => loadEarlier());
transcript.from = Math.max(0, oldest - 1, Math.min(Number(page.dataset.seq) - PAST, (wanted ?? Infinity) - BEFORE));
const subscription = stream.agent(agentId, { since: transcript.from });

subscription.on("subscribed", (answer) => {
  oldest = answer.oldest ?? oldest;
  if (!answer.complete) {
    transcript.reset(oldest - 1);
    vitals.reset();
  }
  present.seq = answer.seq;
  showStatus(answer.state);
  gauge.show(answer.state);
  names.agent = answer.state.name;
  showNames();
  showBeginning();
});
subscription.on("event", (event) => {
  transcript.append(event);
  vitals.add(event);
});
// A replay tells how things were; the header shows how they are.
subscription.on("status", (change, { seq }) => seq > present.seq && showStatus(change));
subscription.on("context", (change, { seq }) => seq > present.seq && gauge.show(change));
subscription.on("unsubscribed", ({ reason }) => end(reason));

followWorkspace(workspaceId, {
  onchange: ({ name, agents, members }) => {
    if (members.myRole) part("composer").hidden = members.myRole === "viewer";
    names.workspace = name;
    names.agent = agents.get(agentId)?.name ?? names.agent;
    showNames();
  },
});

function changed() {
  showBeginning();
  search.changed();
  if (wanted !== null && transcript.last?.seq >= wanted) show(wanted);
}

function showStatus(now) {
  present.status = now.status;
  status.show(now);
  composer.show(now);
  showNames();
}

function showNames() {
  part("name").textContent = part("name").title = names.agent;
  part("workspace-name").textContent = names.workspace;
  const urgent = STATUSES[present.status]?.attention ? `(${statusWord(present.status)}) ` : "";
  document.title = `${urgent}${names.agent} · ${names.workspace} · Agentstream`;
}

const hasEarlier = () => transcript.from >= oldest;

function showBeginning() {
  const more = hasEarlier();
  part("earlier").hidden = !more || transcript.full;
  part("beginning").hidden = more && !transcript.full;
  part("beginning").textContent = beginningWords(more);
  part("empty").hidden = transcript.length > 0 || more || subscription.seq === undefined || subscription.seq > 0;
}

function beginningWords(more) {
  if (more) return `A page holds no more than ${transcript.length.toLocaleString("en")} entries at once.`;
  if (oldest > 1) return "What came before is no longer kept.";
  return transcript.length ? "The beginning" : "";
}

function end(reason) {
  part("composer").hidden = true;
  part("gone").hidden = false;
  part("gone").textContent = reason === "deleted" ? "This agent was deleted." : "You no longer have access to this agent.";
}

/** One page more of the past; false where there is none, or none to be had. */
function loadEarlier() {
  if (!hasEarlier() || transcript.full) return Promise.resolve(false);
  loading ??= fetchEarlier().finally(() => (loading = null));
  return loading;
}

async function fetchEarlier() {
  const button = part("earlier");
  button.disabled = true;
  button.textContent = "Loading…";
  try {
    const past = await earlier(agentId, transcript.from, oldest);
    oldest = past.oldest;
    vitals.add(...past.events);
    transcript.prepend(past.events, past.from);
    button.textContent = "Load earlier";
    return true;
  } catch {
    button.textContent = "That failed. Try again";
    return false;
  } finally {
    button.disabled = false;
  }
}

/** The event that the address points to: `#123`. */
function linked() {
  return /^#\d+$/.test(location.hash) ? Number(location.hash.slice(1)) : null;
}

function show(seq) {
  wanted = null;
  for (const entry of transcript.entries()) if (entry.target) unmark(entry);
  const entry = transcript.at(seq);
  if (!entry) return;
  entry.target = true;
  transcript.reveal(entry)?.setAttribute("data-target", "");
}

function unmark(entry) {
  entry.target = false;
  transcript.elementOf(entry)?.removeAttribute("data-target");
}

async function goTo(seq) {
  while (transcript.from >= seq && (await loadEarlier()));
  show(seq);
}

function showRaw(raw) {
  style.raw = raw;
  part("raw").setAttribute("aria-pressed", raw);
  transcript.redraw();
}

async function save(button, format) {
  const words = button.textContent;
  button.disabled = true;
  try {
    await download(agentId, names.agent, format, (percent) => (button.textContent = `${words}: ${percent} %`));
    button.textContent = words;
  } catch {
    button.textContent = `${words}: that failed`;
  }
  button.disabled = false;
}

function showPin() {
  part("pin").setAttribute("aria-pressed", isPinned(agentId));
}

async function toggleVitals() {
  await vitals.toggle();
  part("vitals-toggle").setAttribute("aria-expanded", vitals.open);
}

part("earlier").addEventListener("click", () => loadEarlier());
part("raw").addEventListener("click", () => showRaw(!style.raw));
part("vitals-toggle").addEventListener("click", toggleVitals);
part("pin").addEventListener("click", () => {
  togglePin(agentId);
  showPin();
});
for (const button of page.querySelectorAll("[data-download]")) button.addEventListener("click", () => save(button, button.dataset.download));
addEventListener("hashchange", () => linked() !== null && goTo(linked()));
// Before the reader gets there, so that scrolling does not stop.
new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && !follower.following && loadEarlier(), {
  root: part("scroll"),
  rootMargin: "2000px 0px",
}).observe(part("start"));

shortcuts({
  "/": ["Search this transcript", () => part("search").querySelector("input").focus()],
  e: ["Go to the end and follow it", () => follower.end()],
  t: ["Show or hide status and context over time", toggleVitals],
  r: ["Show messages raw or rendered", () => showRaw(!style.raw)],
  a: ["Answer the agent", () => composer.focus()],
});
showPin();
showStatus({ status: present.status, reason: status.getAttribute("reason") });
showWatchers(part("watchers"), agentId, page.dataset.user);
loadMarkdown(() => transcript.redraw());
