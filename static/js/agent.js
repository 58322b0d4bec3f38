import "./agent-status.js";
import "./context-gauge.js";
import "./copy-command.js";
import { followWorkspace } from "./follow-workspace.js";
import { Follower } from "./follower.js";
import { earlier } from "./history.js";
import { STATUSES, statusWord } from "./status.js";
import { stream } from "./stream.js";
import { Transcript } from "./transcript.js";

/** How much of the past is shown at first. */
const PAST = 500;

const page = document.getElementById("agent");
const part = (name) => page.querySelector(`[data-${name}]`);
const { agent: agentId, workspace: workspaceId } = page.dataset;
const status = page.querySelector("agent-status");
const gauge = page.querySelector("context-gauge");
const names = { agent: part("name").textContent, workspace: part("workspace-name").textContent };
const present = { seq: 0, status: status.getAttribute("status") };
let oldest = Number(page.dataset.oldest);

const transcript = new Transcript(part("entries"), new Follower(part("scroll"), part("new")), showBeginning);
transcript.from = Math.max(0, oldest - 1, Number(page.dataset.seq) - PAST);
const subscription = stream.agent(agentId, { since: transcript.from });

subscription.on("subscribed", (answer) => {
  oldest = answer.oldest ?? oldest;
  if (!answer.complete) transcript.reset(oldest - 1);
  present.seq = answer.seq;
  showStatus(answer.state);
  gauge.show(answer.state);
  names.agent = answer.state.name;
  showNames();
  showBeginning();
});
subscription.on("event", (event) => transcript.append(event));
// A replay tells how things were; the header shows how they are.
subscription.on("status", (change, { seq }) => seq > present.seq && showStatus(change));
subscription.on("context", (change, { seq }) => seq > present.seq && gauge.show(change));
subscription.on("unsubscribed", ({ reason }) => end(reason));

followWorkspace(workspaceId, {
  onchange: ({ name, agents }) => {
    names.workspace = name;
    names.agent = agents.get(agentId)?.name ?? names.agent;
    showNames();
  },
});

function showStatus(now) {
  present.status = now.status;
  status.show(now);
  showNames();
}

function showNames() {
  part("name").textContent = part("name").title = names.agent;
  part("workspace-name").textContent = names.workspace;
  const urgent = STATUSES[present.status]?.attention ? `(${statusWord(present.status)}) ` : "";
  document.title = `${urgent}${names.agent} · ${names.workspace} · Agentstream`;
}

function showBeginning() {
  const more = transcript.from >= oldest;
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
  part("gone").hidden = false;
  part("gone").textContent = reason === "deleted" ? "This agent was deleted." : "You no longer have access to this agent.";
}

part("earlier").addEventListener("click", async ({ currentTarget: button }) => {
  button.disabled = true;
  try {
    const past = await earlier(agentId, transcript.from, oldest);
    oldest = past.oldest;
    transcript.prepend(past.events, past.from);
    button.textContent = "Load earlier";
  } catch {
    button.textContent = "That failed. Try again";
  }
  button.disabled = false;
});
