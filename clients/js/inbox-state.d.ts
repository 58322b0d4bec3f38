import type { Agent, Inbox, InboxEvent, MorePositions } from "./agentstream.js";

/**
 * Why an agent needs a user: it has an open request, waits for a person, has failed or lost its runner and they have not
 * dismissed that, or has finished or become idle after what they have seen.
 */
export type Need = "request" | "waiting" | "failed" | "lost" | "turn";

export function needs(
  agent: Pick<Agent, "status"> & Partial<Pick<Agent, "reason" | "statusSeq" | "requests" | "moreRequests">>,
  seen?: number,
  dismissed?: number,
): Need | null;

/** What the user has seen, kept current by what an inbox's subscription tells. */
export class InboxState {
  /** Takes the state in `subscribed`, which belongs to `seq`. */
  reset(state: Inbox, seq: number): void;
  /** Takes what a `positions` adds to that state. */
  add(page: MorePositions): void;
  /** Returns whether the event has changed something. */
  apply(event: InboxEvent): boolean;
  /** Up to which seq the agent has been seen; 0: not at all. */
  seen(agentId: string): number;
  /** The seq of the agent's newest status that was dismissed; 0: none. */
  dismissed(agentId: string): number;
}
