import { stream } from "./stream.js";
import { WorkspaceState } from "../clients/js/workspace-state.js";

/** Keeps a workspace's state current; `onchange(state)` after every change, at most once per frame. */
export function followWorkspace(id, { onchange, onended = () => {} }) {
  const state = new WorkspaceState();
  const subscription = stream.workspace(id);
  const changed = oncePerFrame(() => onchange(state));
  subscription.on("subscribed", (answer) => {
    state.reset(answer.state, answer.seq);
    changed();
  });
  subscription.on("updated", (_, event) => state.apply(event) && changed());
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
