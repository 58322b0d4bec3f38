import { Members } from "./members.js";
import { stream } from "./stream.js";
import { WorkspaceState } from "../../clients/js/workspace-state.js";

/** Keeps a workspace's state and its members current; `onchange({name, agents, members})` after every change, at most once per frame. */
export function followWorkspace(id, { onchange, onended = () => {} }) {
  const state = new WorkspaceState();
  const members = new Members();
  const subscription = stream.workspace(id);
  const changed = oncePerFrame(() => onchange({ name: state.name, agents: state.agents, members }));
  subscription.on("subscribed", ({ state: present, seq }) => {
    state.reset(present, seq);
    members.reset(present.members, seq);
    changed();
  });
  subscription.on("agents", (page) => {
    state.add(page);
    changed();
  });
  subscription.on("updated", (_, event) => {
    const changes = [state.apply(event), members.apply(event)];
    if (changes.includes(true)) changed();
  });
  subscription.on("unsubscribed", onended);
  return subscription;
}

/** Calls `act` in the next frame however often it is asked to; a hidden tab has no frames and makes do with a timer. */
export function oncePerFrame(act) {
  let waiting = false;
  const run = () => {
    waiting = false;
    act();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  };
}
