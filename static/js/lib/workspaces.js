import { followWorkspace } from "./follow-workspace.js";
import { Lookout } from "./poller.js";
import { stream } from "./stream.js";

const CONNECTED = ["live", "behind"];

/**
 * Follows every workspace the reader sees: those with these `ids`, and whatever is added to them later. Being added is told on
 * no stream one reads before it, so the API is asked for the list: `onlist(workspaces)` when that changes, `onchange(id, workspace)`
 * when one of them does, `onended(id)` for one that is gone.
 */
export function followWorkspaces(ids, { onlist = () => {}, onchange, onended }) {
  const followed = new Map();
  let connected = false;
  const lookout = new Lookout("/workspaces", listed, { wanted: () => connected });

  function listed(workspaces) {
    const present = workspaces.map(({ id }) => id);
    for (const id of followed.keys()) if (!present.includes(id)) end(id);
    for (const id of present) if (!followed.has(id)) follow(id);
    onlist(workspaces);
  }

  function follow(id) {
    const subscription = followWorkspace(id, {
      // What a frame brings may be of a workspace that has ended before it.
      onchange: (workspace) => followed.get(id) === subscription && onchange(id, workspace),
      onended: () => end(id),
    });
    followed.set(id, subscription);
  }

  function end(id) {
    const subscription = followed.get(id);
    followed.delete(id);
    subscription?.close();
    lookout.forget(); // it may be given back before the next answer, which is then the same as the last
    if (subscription) onended(id);
  }

  ids.forEach(follow);
  stream.on("state", (state) => {
    const before = connected;
    connected = CONNECTED.includes(state);
    if (connected && !before) lookout.ask();
  });
}
