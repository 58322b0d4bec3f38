import { call, showingErrors } from "./lib/api.js";
import { onSubmit, partsOf } from "./lib/dom.js";
import { showEnd, showHeader } from "./lib/workspace-page.js";
import { followWorkspace } from "./lib/workspaces.js";

const page = document.getElementById("settings");
const part = partsOf(page);
const id = page.dataset.workspace;
let name = part("new-name").value;

onSubmit(part("rename"), async () => {
  part("renamed").hidden = true;
  const wanted = part("new-name").value;
  const renamed = await showingErrors(part("trouble"), () => call("PATCH", `/workspaces/${id}`, { name: wanted }));
  part("renamed").hidden = !renamed;
});
onSubmit(part("delete"), async () => {
  const deleted = await showingErrors(part("delete-trouble"), async () => {
    if (part("confirm").value !== name) throw new Error("That isn't the workspace's name.");
    await call("DELETE", `/workspaces/${id}`);
    return true;
  });
  if (deleted) location.assign("/");
});

followWorkspace(id, {
  onchange: (workspace) => {
    ({ name } = workspace);
    part("confirm-name").textContent = name;
    showHeader(page, workspace);
  },
  onended: ({ reason }) => showEnd(page, reason),
});
