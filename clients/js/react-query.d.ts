import type { AgentStream } from "./agentstream.js";

/** What is used of TanStack Query's `QueryClient`. */
export interface QueryClientLike {
  setQueryData(queryKey: readonly string[], updater: any): unknown;
  removeQueries(filters: { queryKey: readonly string[]; exact: boolean }): void;
}

/** Keeps `["agent", id]` current: an `Agent`. Returns the function that stops it. */
export function keepAgent(queryClient: QueryClientLike, stream: AgentStream, id: string): () => void;

/** Keeps `["workspace", id]` current: a `Workspace`. Returns the function that stops it. */
export function keepWorkspace(queryClient: QueryClientLike, stream: AgentStream, id: string): () => void;
