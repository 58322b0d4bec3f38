import { call } from "./api.js";
import { inbox } from "./inbox.js";

const RETRY_MS = 5_000;

/**
 * Fetches the user's workspaces when their inbox reports a change, and after reconnecting.
 * @param {(workspaces: any[]) => void} onlist
 */
export function followWorkspaceList(onlist) {
  let requests = 0;

  async function fetchList() {
    const request = ++requests;
    try {
      const workspaces = await call("GET", "/workspaces");
      if (request === requests) onlist(workspaces); // else a later request has overtaken it
    } catch (error) {
      if (error.status !== 401) setTimeout(() => request === requests && fetchList(), RETRY_MS);
    }
  }

  inbox().on("workspaces", fetchList);
}
