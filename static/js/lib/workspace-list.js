import { call } from "./api.js";
import { inbox } from "./inbox.js";

const RETRY_MS = 5_000;

/** @type {Set<(workspaces: any[]) => void>} */
const listeners = new Set();
/** @type {any[] | undefined} */
let latest;
let requests = 0;

/**
 * Reports the user's workspaces: as soon as they are known, when their inbox reports a change, and after reconnecting.
 * @param {(workspaces: any[]) => void} onlist
 */
export function followWorkspaceList(onlist) {
  if (!listeners.size) inbox().on("workspaces", fetchList);
  listeners.add(onlist);
  if (latest) onlist(latest);
}

async function fetchList() {
  const request = ++requests;
  try {
    const workspaces = await call("GET", "/workspaces");
    if (request !== requests) return; // a later request has overtaken it
    latest = workspaces;
    for (const onlist of listeners) onlist(workspaces);
  } catch (error) {
    if (error.status !== 401) setTimeout(() => request === requests && fetchList(), RETRY_MS);
  }
}
