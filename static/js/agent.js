import "./lib/copy.js";
import { announce } from "./lib/announce.js";
import { connection } from "./lib/connection.js";
import { partsOf, stylesheet } from "./lib/dom.js";
import { formatNumber } from "./lib/format.js";
import { shortcuts } from "./lib/shortcuts.js";
import { announcedStatus, openRequests } from "./lib/status.js";
import { followWorkspace } from "./lib/workspaces.js";
import { askedText } from "./requests/text.js";
import { AutoScroll } from "./transcript/auto-scroll.js";
import { Composer } from "./transcript/composer.js";
import { display, loadMarkdown } from "./transcript/message-view.js";
import { Header } from "./transcript/header.js";
import { SeenMarker } from "./transcript/seen-marker.js";
import { Transcript } from "./transcript/transcript.js";

/** How many events the page starts with, and how many before an event that the address points to. */
const EVENTS_BACK = 500;
const EVENTS_BEFORE_TARGET = 50;

const page = document.getElementById("agent");
const part = partsOf(page);
const { agent: agentId, workspace: workspaceId } = page.dataset;
const header = new Header(page, agentId);
const composer = new Composer(part("composer"), agentId);
/** Most agents ask nothing. @type {Promise<import("./requests/cards.js").RequestCards> | null} */
let requests = null;
let asking = 0;
let readonly = part("requests").hasAttribute("data-readonly");
/** Created when first opened. @type {import("./transcript/timeline.js").Timeline | null} */
let timeline = null;
/** Beside the transcript, where there is room. @type {import("./transcript/rail.js").Rail | null} */
let rail = null;
/** As wide as three columns need. */
const wide = matchMedia("(min-width: 100rem)");
let oldest = Number(page.dataset.oldest);
let snapshotSeq = 0;
/** @type {Map<string, any>} */
let workspaceAgents = new Map();
let target = targetSeq();
/** @type {Promise<boolean> | null} */
let loading = null;

const autoScroll = new AutoScroll(part("scroll"), part("new"));
/** Most agents have neither. @type {import("./transcript/sessions.js").Sessions | null} */
let sessions = null;
/** @type {import("./transcript/plan.js").Plan | null} */
let plan = null;
/** @type {import("./transcript/search.js").Search | null} */
let search = null;
export const transcript = new Transcript(part("entries"), autoScroll, {
  onchange: () => changed(),
  sessionText: (entry) => sessions?.headingOf(entry) ?? entry.text,
});
transcript.from = transcript.seq = Math.max(
  0,
  oldest - 1,
  Math.min(Number(page.dataset.seq) - EVENTS_BACK, (target ?? Infinity) - EVENTS_BEFORE_TARGET),
);
const subscription = connection().agent(agentId, { since: transcript.from });
const seenMarker = new SeenMarker(agentId, () => autoScroll.following);
autoScroll.onend = () => seenMarker.moved();

subscription.on("subscribed", (answer) => {
  oldest = answer.oldest ?? oldest;
  if (!answer.complete) {
    transcript.reset(oldest - 1);
    timeline?.reset();
    rail?.reset();
    seenMarker.reset();
  }
  snapshotSeq = answer.seq;
  showStatus(answer.state, subscription.seq);
  if (requests || openRequests(answer.state)) withRequests((cards) => cards.reset(answer.state));
  showComposer();
  header.showContext(answer.state);
  header.showUsage(answer.state.usage);
  showPlan(answer.state.plan);
  if (answer.state.session) showSessions();
  header.rename({ agent: answer.state.name });
  showStart();
});
subscription.on("event", (event) => {
  transcript.append(event);
  timeline?.add(event);
  rail?.add(event);
  seenMarker.show(event);
});
// Replayed events are older than the snapshot, which the header already shows.
subscription.on("status", (change, { seq }) => seq > snapshotSeq && showStatus(change, seq));
subscription.on("context", (change, { seq }) => seq > snapshotSeq && header.showContext(change));
subscription.on("usage", (report, { seq }) => seq > snapshotSeq && header.showUsage(report));
subscription.on("plan", (change, { seq }) => seq > snapshotSeq && showPlan(change));
subscription.on("session", () => showSessions());
for (const type of /** @type {const} */ (["terminated", "usage"])) {
  subscription.on(type, () => sessions?.changed());
}
subscription.on("request", (request, event) => event.seq > snapshotSeq && showRequest(request, event));
subscription.on("request_resolved", (resolution, { seq }) => seq > snapshotSeq && endRequest(resolution));
subscription.on("unsubscribed", ({ reason }) => end(reason));

followWorkspace(workspaceId, {
  onchange: ({ name, agents, members }) => {
    if (members.myRole) {
      part("composer").hidden = members.myRole === "viewer";
      readonly = members.myRole === "viewer";
      requests?.then((cards) => (cards.readonly = readonly));
    }
    header.rename({ workspace: name, agent: agents.get(agentId)?.name ?? header.agentName });
    workspaceAgents = agents;
    rail?.showAgents(agents);
  },
});

/** Fills the columns at both sides, once the window is wide enough for them. */
async function showRail() {
  if (!wide.matches || rail) return;
  const [{ Rail }] = await Promise.all([import("./transcript/rail.js"), stylesheet(part("agent-list").dataset.styles)]);
  rail ??= new Rail({ agents: part("agent-list"), files: part("files") }, agentId);
  rail.add(...transcript.changes());
  rail.showAgents(workspaceAgents);
  part("plan").open = true;
  if (!timeline?.open) await toggleTimeline();
}

/** Changes the cards in the order of the events. @param {(cards: import("./requests/cards.js").RequestCards) => void} change */
async function withRequests(change) {
  requests ??= loadRequests();
  const cards = await requests;
  change(cards);
  asking = cards.size;
  showComposer();
}

async function loadRequests() {
  const { styles } = part("requests").dataset;
  const [{ RequestCards }] = await Promise.all([import("./requests/cards.js"), stylesheet(styles)]);
  const cards = new RequestCards(part("requests"), agentId);
  cards.readonly = readonly;
  return cards;
}

function showRequest(request, { timestamp }) {
  asking = Math.max(asking, 1);
  withRequests((cards) => cards.add({ ...request, createdAt: timestamp }));
  announce(askedText(request, header.agentName));
}

function endRequest(resolution) {
  if (requests) withRequests((cards) => cards.resolve(resolution));
}

async function showPlan(state) {
  if (!state && !plan) return;
  const { Plan } = await import("./transcript/plan.js");
  plan ??= new Plan(part("plan"));
  plan.show(state);
}

async function showSessions() {
  const { Sessions } = await import("./transcript/sessions.js");
  const menu = { button: part("sessions"), list: part("session-list") };
  sessions ??= new Sessions(agentId, menu, () => transcript.redrawSessions());
  sessions.changed();
}

/** Loaded when the reader comes to the field. */
async function startSearch() {
  const { Search } = await import("./transcript/search.js");
  search ??= new Search(part("search"), transcript, part("entries"), () => loadEarlier());
}

/** Loaded when the keyboard comes to the transcript. */
async function startPermalinks() {
  const { Permalinks } = await import("./transcript/permalinks.js");
  new Permalinks(part("scroll"), transcript);
}

function changed() {
  showStart();
  search?.changed();
  if (target !== null && transcript.seq >= target) showEntry(target);
}

function showStatus(agent, seq) {
  const before = header.status;
  header.showStatus(agent);
  // A request has been announced itself.
  const told = agent.status === "waiting" && asking > 0;
  if (agent.status !== before && !told) announce(announcedStatus(header.agentName, agent));
  seenMarker.show({ seq, status: agent.status });
  showComposer();
}

function showComposer() {
  composer.show({ status: header.status, reason: header.reason, asks: asking > 0 });
}

const hasEarlier = () => transcript.from >= oldest;

function showStart() {
  const more = hasEarlier();
  part("earlier").hidden = !more || transcript.full;
  part("beginning").hidden = more && !transcript.full;
  part("beginning").textContent = startText(more);
  part("empty").hidden = transcript.length > 0 || more || subscription.seq === undefined || subscription.seq > 0;
}

function startText(more) {
  if (more) return `This page can't show more than ${formatNumber(transcript.length)} entries at once.`;
  if (oldest > 1) return "Earlier output is no longer retained.";
  return transcript.length ? "Start of the transcript" : "";
}

function end(reason) {
  header.close();
  part("composer").hidden = part("requests").hidden = true;
  part("gone").hidden = false;
  part("gone").textContent =
    reason === "deleted" ? "This agent was deleted." : "You no longer have access to this agent.";
}

/** Loads a page of earlier events; false if there are none, or if that failed. */
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
    const { earlier } = await import("./transcript/history.js");
    const past = await earlier(agentId, transcript.from, oldest);
    oldest = past.oldest;
    timeline?.add(...past.events);
    rail?.add(...past.events);
    transcript.prepend(past.events, past.from);
    button.textContent = "Load earlier";
    return true;
  } catch {
    button.textContent = "Loading failed. Try again";
    return false;
  } finally {
    button.disabled = false;
  }
}

/** The event that the address points to: `#123`. */
function targetSeq() {
  return /^#\d+$/.test(location.hash) ? Number(location.hash.slice(1)) : null;
}

function showEntry(seq) {
  target = null;
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
  showEntry(seq);
}

function showRaw(raw) {
  display.raw = raw;
  part("raw").setAttribute("aria-pressed", raw);
  transcript.redraw();
}

async function save(button) {
  const label = button.textContent;
  button.disabled = true;
  try {
    const { download } = await import("./transcript/download.js");
    await download(
      agentId,
      header.agentName,
      button.dataset.download,
      (percent) => (button.textContent = `${label}: ${percent} %`),
    );
    button.textContent = label;
  } catch {
    button.textContent = `${label}: failed`;
  }
  button.disabled = false;
}

async function toggleTimeline() {
  const [{ Timeline }] = await Promise.all([
    import("./transcript/timeline.js"),
    stylesheet(part("timeline").dataset.styles),
  ]);
  timeline ??= new Timeline(part("timeline"), agentId);
  await timeline.toggle();
  part("timeline-toggle").setAttribute("aria-expanded", timeline.open);
}

part("search").addEventListener("focusin", startSearch, { once: true });
part("scroll").addEventListener("focusin", startPermalinks, { once: true });
part("earlier").addEventListener("click", () => loadEarlier());
part("raw").addEventListener("click", () => showRaw(!display.raw));
part("timeline-toggle").addEventListener("click", toggleTimeline);
for (const button of page.querySelectorAll("[data-download]")) button.addEventListener("click", () => save(button));
addEventListener("hashchange", () => targetSeq() !== null && goTo(targetSeq()));
// Before the reader gets there, so that scrolling doesn't stop.
new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && !autoScroll.following && loadEarlier(), {
  root: part("scroll"),
  rootMargin: "2000px 0px",
}).observe(part("start"));

shortcuts({
  "/": ["Search this transcript", () => part("search").querySelector("input").focus()],
  e: ["Jump to the end and follow it", () => autoScroll.end()],
  t: ["Show or hide status and context over time", toggleTimeline],
  r: ["Switch between raw and rendered messages", () => showRaw(!display.raw)],
  a: ["Answer the agent", () => composer.focus()],
});
showComposer();
wide.addEventListener("change", showRail);
showRail();
loadMarkdown(() => transcript.redraw());
for (const name of ["rename", "delete"]) {
  part(name)?.addEventListener("click", async () => {
    const { renameAgent, deleteAgent } = await import("./people/manage.js");
    if (name === "rename") renameAgent(agentId, header.agentName);
    else deleteAgent(agentId, header.agentName);
  });
}
