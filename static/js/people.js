import { arrange, partsOf } from "./lib/dom.js";
import { showEnd, showHeader } from "./lib/workspace-page.js";
import { followWorkspace } from "./lib/workspaces.js";
import { Invitations } from "./people/invitations.js";
import { MemberRow } from "./people/member-row.js";

const page = document.getElementById("people");
const part = partsOf(page);
const id = page.dataset.workspace;
const rows = new Map();
const invitations = new Invitations(part("invite"), id);
let shown = "";

function render(workspace) {
  const { name, members } = workspace;
  const manages = members.myRole === "owner";
  showHeader(page, workspace);
  document.title = `People · ${name} · Agentstream`;
  const current = JSON.stringify([manages, members.sorted]);
  if (current === shown) return; // only an agent has changed
  shown = current;
  part("loading").hidden = true;
  part("invite").hidden = !manages;
  arrange(
    part("members"),
    members.sorted.map((member) => rowOf(member, manages)),
  );
  // A new member has used an invitation.
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
