import type { QueryClient } from "@tanstack/react-query";
import type { AgentStream } from "./agentstream.js";

/** Keeps `["agent", id]` current: an `Agent`. Returns the function that stops it. */
export function keepAgent(queryClient: QueryClient, stream: AgentStream, id: string): () => void;

/** Keeps `["workspace", id]` current: a `Workspace`. Returns the function that stops it. */
export function keepWorkspace(queryClient: QueryClient, stream: AgentStream, id: string): () => void;
