import { arrange } from "./lib/dom.js";
import { followWorkspace } from "./lib/follow-workspace.js";
import { Invitations } from "./people/invitations.js";
import { MemberRow } from "./people/member-row.js";
import { showEnd, showHead } from "./lib/workspace-head.js";

const page = document.getElementById("people");
const part = (name) => page.querySelector(`[data-${name}]`);
const id = page.dataset.workspace;
const rows = new Map();
const invitations = new Invitations(part("invite"), id);
let known = "";

function render(workspace) {
  const { name, members } = workspace;
  const manages = members.myRole === "owner";
  showHead(page, workspace);
  document.title = `People · ${name} · Agentstream`;
  const present = JSON.stringify([manages, members.sorted]);
  if (present === known) return; // an agent has changed
  known = present;
  part("loading").hidden = true;
  part("invite").hidden = !manages;
  arrange(part("members"), members.sorted.map((member) => rowOf(member, manages)));
  // Whoever has joined has used an invitation.
  if (manages) invitations.load();
}

function rowOf(member, manages) {
  if (!rows.has(member.id)) rows.set(member.id, new MemberRow(id, member));
  const row = rows.get(member.id);
  row.show(member, manages);
  return row.element;
}

function end({ reason }) {
  for (const name of ["loading", "members", "invite"]) part(name).hidden = true;
  showEnd(page, reason);
}

followWorkspace(id, { onchange: render, onended: end });
