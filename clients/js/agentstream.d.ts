/** Types of the Agentstream client. The messages are those of protocol version `agentstream.v1`. */

export type Status = "idle" | "running" | "waiting" | "error" | "finished" | "offline";
export type Role = "assistant" | "user" | "system" | "tool";
export type Kind = "text" | "thinking" | "tool_call" | "tool_result";
export type ToolKind = "read" | "edit" | "delete" | "move" | "search" | "execute" | "think" | "fetch" | "other";

/** What every message from the server looks like. */
export interface Message<Type extends string = string, Payload = unknown> {
  type: Type;
  payload: Payload;
  /** RFC 3339, UTC. */
  timestamp: string;
}

/** A message that is part of a stream. */
export interface StreamEvent<Type extends string = string, Payload = unknown> extends Message<Type, Payload> {
  /** Its position in the stream: 1, 2, 3 … A replayed event may be several merged ones, and then has the last one's position. */
  seq: number;
}

/** What a tool does to a file, as a unified diff. */
export interface FileChange {
  path: string;
  patch: string;
}

/** A file, as its producer describes it. */
export interface Attachment {
  id: string;
  name: string;
  mediaType: string;
  size: number;
}

/** All of it is untrusted text, including `toolInput`. */
export interface Output {
  agentId: string;
  content: string;
  role: Role;
  /** Chunks that share it belong to one message: append them. */
  messageId?: string;
  /** More of this message follows. */
  isStreaming?: boolean;
  kind?: Kind;
  toolCallId?: string;
  toolName?: string;
  toolKind?: ToolKind;
  /** The tool's input, on a `tool_call`. */
  toolInput?: Record<string, unknown>;
  /** On a `tool_result`. */
  isError?: boolean;
  /** On a `tool_result`. */
  durationMs?: number;
  changes?: FileChange[];
  /** The `toolCallId` of the sub-agent's call that this belongs to. */
  parentId?: string;
  attachments?: Attachment[];
}

export interface StatusChange {
  agentId: string;
  status: Status;
  previousStatus: Status;
  reason?: string;
}

export interface ContextChange {
  agentId: string;
  /** Whole percent of the context window in use; null: no longer known. */
  contextLevel: number | null;
  tokensUsed?: number;
  tokensLimit?: number;
}

export interface AgentError {
  agentId: string;
  error: { code: string; message: string };
}

export interface Terminated {
  agentId: string;
  exitCode: number | null;
  signal?: string;
  reason: "completed" | "error" | "user_stopped" | "lost";
}

/** What a person sent to the agent. */
export interface Input {
  agentId: string;
  content: string;
  from: string;
}

/** A person's request to interrupt or stop the agent's process. */
export interface Signal {
  agentId: string;
  signal: "interrupt" | "stop";
  from: string;
}

export interface AgentUpdated {
  agentId: string;
  name: string;
  labels: Record<string, string>;
}

export interface RequestOption {
  id: string;
  label: string;
  effect: "allow" | "allow_always" | "deny" | "other";
}

export interface Question {
  id: string;
  header?: string;
  question: string;
  options: { id: string; label: string; description?: string }[];
  /** Several may be chosen. */
  multiple?: boolean;
  /** Free text is accepted. */
  free?: boolean;
}

/** What a person is asked. All of it is untrusted text. */
export interface AgentRequest {
  requestId: string;
  kind: "permission" | "question" | "plan" | "input";
  title: string;
  body?: string;
  /** The exact action that would be taken. */
  tool?: {
    name: string;
    toolCallId?: string;
    input: Record<string, unknown>;
    changes?: FileChange[];
  };
  options: RequestOption[];
  questions?: Question[];
  expiresAt?: string;
}

export interface Answer {
  option?: string;
  /** By question: ids of options, or texts. */
  answers?: Record<string, string[]>;
  text?: string;
}

export interface Resolution extends Answer {
  requestId: string;
  outcome: "answered" | "answered_elsewhere" | "expired" | "withdrawn";
  /** The user who answered here. */
  by?: string;
}

/** A session of the agent's tool, with everything known about it. */
export interface Session {
  /** The tool's own identifier for it. */
  session: string;
  change: "started" | "resumed" | "cleared" | "compacted" | "ended";
  title?: string;
  model?: string;
  cwd?: string;
  branch?: string;
}

/** The whole plan, in order. */
export interface Plan {
  entries: { content: string; status: "pending" | "in_progress" | "completed" }[];
}

/** The totals of a session so far, which replace earlier reports. */
export interface Usage {
  session?: string;
  model?: string;
  inputTokens?: number;
  cachedInputTokens?: number;
  outputTokens?: number;
  reasoningTokens?: number;
  costUsd?: number;
  limits?: { name: string; usedPercent: number; resetsAt?: string }[];
  /** Not reported by the tool itself. */
  estimated?: boolean;
}

export interface Subagent {
  agentId: string;
  /** The `toolCallId` of the call that started it. */
  parentId: string;
  change: "started" | "ended" | "failed";
  name: string;
  description?: string;
}

export interface Agent {
  id: string;
  workspaceId: string;
  name: string;
  /** The producer's own identifier for the agent, if it registered with one. */
  key?: string;
  labels: Record<string, string>;
  status: Status;
  /** The seq of the event on its stream that set the status; 0 if none did. */
  statusSeq: number;
  reason?: string;
  /** null if unknown. */
  contextLevel: number | null;
  tokensUsed?: number;
  tokensLimit?: number;
  createdAt: string;
  updatedAt: string;
  /** The open ones, oldest first. */
  requests: (AgentRequest & { createdAt: string })[];
  /** How many open ones are omitted from `requests` because of their size. */
  moreRequests?: number;
  /** The last one reported; like `plan` and `usage` omitted in a workspace's `agents`. */
  session?: Session;
  plan?: Plan;
  usage?: Usage;
}

export interface Workspace {
  id: string;
  name: string;
  slug: string;
  agents: Agent[];
  /** True if `agents` is incomplete: `agents` messages with the rest follow. */
  more?: boolean;
}

interface Changes {
  workspace_updated: { id: string; name: string; slug: string };
  agent_added: Agent;
  agent_updated: Agent;
  agent_removed: { agentId: string; archived?: true };
  agent_status: StatusChange & { statusSeq: number };
  agent_context: ContextChange;
  agent_usage: { agentId: string };
  agent_request: AgentRequest & { agentId: string };
  agent_request_resolved: Resolution & { agentId: string };
  member_added: Record<string, unknown>;
  member_updated: Record<string, unknown>;
  member_removed: Record<string, unknown>;
}

/** One change in a workspace; `change` determines the shape of `data`. */
export type Updated = { [C in keyof Changes]: { workspaceId: string; change: C; data: Changes[C] } }[keyof Changes];

/** What the user has seen, by agent: the seq of the last event. */
export interface Inbox {
  seen: Record<string, number>;
  /** Agents without one have no dismissed status. */
  dismissed?: Record<string, number>;
  /** True if `seen` is incomplete: `positions` messages with the rest follow. */
  more?: boolean;
}

export interface MorePositions extends Inbox {
  more: boolean;
}

/** The user has seen the agent up to `seq`, or dismissed the status it had there, on any device. */
export interface Seen {
  agentId: string;
  seq: number;
}

/** The user has gained or lost access to the workspace, or has another role there. */
export interface InboxWorkspace {
  workspaceId: string;
  change: "added" | "removed" | "role";
}

export interface Subscribed<State> {
  type: "agent" | "workspace" | "inbox";
  id: string;
  /** The stream's newest event; `state` is the state after it. */
  seq: number;
  /** The oldest retained event. */
  oldest: number;
  /** false if events in between are gone: drop what you have, the stream continues at `oldest`. */
  complete: boolean;
  state: State;
}

export interface MoreAgents {
  workspaceId: string;
  agents: Agent[];
  more: boolean;
}

export interface Unsubscribed {
  type: "agent" | "workspace" | "inbox";
  id: string;
  reason: "deleted" | "forbidden" | "refused";
  /** Why it was refused: a code of the protocol, such as `NOT_FOUND`. */
  code?: string;
  message?: string;
}

export interface ProtocolError {
  code: string;
  message: string;
  request?: string;
}

interface CommonListeners<State, Events extends StreamEvent> {
  /** Any event of the stream, including types unknown to this version. */
  event: [event: Events];
  /** The server has accepted the subscription, also after reconnecting. `state` belongs to `seq`: apply only later events to it. */
  subscribed: [payload: Subscribed<State>, message: Message<"subscribed", Subscribed<State>>];
  /** The subscription has ended: the agent was deleted, access was revoked, or the request was refused. */
  unsubscribed: [payload: Unsubscribed, message: Message];
}

export type AgentEvent =
  | StreamEvent<"agent:output", Output>
  | StreamEvent<"agent:status", StatusChange>
  | StreamEvent<"agent:context", ContextChange>
  | StreamEvent<"agent:error", AgentError>
  | StreamEvent<"agent:terminated", Terminated>
  | StreamEvent<"agent:input", Input>
  | StreamEvent<"agent:signal", Signal>
  | StreamEvent<"agent:request", AgentRequest & { agentId: string }>
  | StreamEvent<"agent:request_resolved", Resolution & { agentId: string }>
  | StreamEvent<"agent:session", Session & { agentId: string }>
  | StreamEvent<"agent:plan", Plan & { agentId: string }>
  | StreamEvent<"agent:usage", Usage & { agentId: string }>
  | StreamEvent<"agent:subagent", Subagent>
  | StreamEvent<"agent:updated", AgentUpdated>;

export type WorkspaceEvent = StreamEvent<"workspace:updated", Updated>;

export type InboxEvent =
  | StreamEvent<"inbox:seen", Seen>
  | StreamEvent<"inbox:dismissed", Seen>
  | StreamEvent<"inbox:workspace", InboxWorkspace>;

export interface InboxListeners extends CommonListeners<Inbox, InboxEvent> {
  /** More of a state that said `more`, until this says no more. Not an event. */
  positions: [payload: MorePositions, message: Message<"inbox:positions", MorePositions>];
  seen: [payload: Seen, event: StreamEvent<"inbox:seen", Seen>];
  dismissed: [payload: Seen, event: StreamEvent<"inbox:dismissed", Seen>];
  workspace: [payload: InboxWorkspace, event: StreamEvent<"inbox:workspace", InboxWorkspace>];
}

export interface AgentListeners extends CommonListeners<Agent, AgentEvent> {
  output: [payload: Output, event: StreamEvent<"agent:output", Output>];
  status: [payload: StatusChange, event: StreamEvent<"agent:status", StatusChange>];
  context: [payload: ContextChange, event: StreamEvent<"agent:context", ContextChange>];
  error: [payload: AgentError, event: StreamEvent<"agent:error", AgentError>];
  terminated: [payload: Terminated, event: StreamEvent<"agent:terminated", Terminated>];
  input: [payload: Input, event: StreamEvent<"agent:input", Input>];
  signal: [payload: Signal, event: StreamEvent<"agent:signal", Signal>];
  request: [payload: AgentRequest & { agentId: string }, event: StreamEvent<"agent:request">];
  request_resolved: [payload: Resolution & { agentId: string }, event: StreamEvent<"agent:request_resolved">];
  session: [payload: Session & { agentId: string }, event: StreamEvent<"agent:session">];
  plan: [payload: Plan & { agentId: string }, event: StreamEvent<"agent:plan">];
  usage: [payload: Usage & { agentId: string }, event: StreamEvent<"agent:usage">];
  subagent: [payload: Subagent, event: StreamEvent<"agent:subagent", Subagent>];
  updated: [payload: AgentUpdated, event: StreamEvent<"agent:updated", AgentUpdated>];
}

export interface WorkspaceListeners extends CommonListeners<Workspace, WorkspaceEvent> {
  /** More agents of a state that said `more`, until this says no more. Not an event. */
  agents: [payload: MoreAgents, message: Message<"workspace:agents", MoreAgents>];
  updated: [payload: Updated, event: WorkspaceEvent];
}

/**
 * One reader's position in one stream. Every retained event after that position arrives exactly once and in order, despite lost
 * connections and restarted servers. Add listeners in the same turn of the event loop in which you subscribe.
 */
export interface Subscription<Listeners, Events extends StreamEvent, State> extends AsyncIterable<
  Events | Message<"subscribed", Subscribed<State>>
> {
  readonly type: "agent" | "workspace" | "inbox";
  /** undefined for an inbox, because a user has only one. */
  readonly id: string;
  /** The last event seen: pass it as `since` to resume later. undefined until known. */
  readonly seq: number | undefined;
  /** The timestamp of the last event seen, to pass as `at` with it. */
  readonly at: string | undefined;
  /** Adds a listener; returns a function that removes it. */
  on<Name extends keyof Listeners & string>(
    name: Name,
    listener: (...args: Listeners[Name] extends unknown[] ? Listeners[Name] : never) => void,
  ): () => void;
  /** Ends the subscription. Closing a stream's last one unsubscribes from the stream. */
  close(): void;
  /**
   * Yields every event, and a `subscribed` message with `complete: false`. If the reader is slow, the subscription pauses and
   * requests the rest later, so memory is bounded. Ends when closed or when the agent is deleted; otherwise throws an error with a `code`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Events | Message<"subscribed", Subscribed<State>>>;
}

export type AgentSubscription = Subscription<AgentListeners, AgentEvent, Agent>;
export type InboxSubscription = Subscription<InboxListeners, InboxEvent, Inbox>;
export type WorkspaceSubscription = Subscription<WorkspaceListeners, WorkspaceEvent, Workspace>;

/** Where to start. Without `since`: from now. `since: 0`: all retained events. */
export interface From {
  since?: number;
  /** The timestamp of the event at `since`, if known: it reveals a log that was restored from a backup. */
  at?: string;
  /** `false`: the answer needs no `state`, because only changes matter. */
  state?: boolean;
}

/**
 * - `connecting`: the first attempt is under way
 * - `live`: all events have arrived
 * - `behind`: connected, but still receiving older events
 * - `reconnecting`: the connection was lost; the next attempt starts at `retryAt`
 * - `closed`: closed for good, by `close()` or with a `closeCode` that rules out another attempt
 */
export type State = "connecting" | "live" | "behind" | "reconnecting" | "closed";

export interface Options {
  /** Fetches a single-use ticket; called before every attempt. Rules out the fallback to server-sent events. Throw an error with `closeCode: 4401` to give up. */
  ticket?: () => string | Promise<string>;
  /** An API token, exchanged for a ticket before every attempt. Not for pages that other people can read. */
  token?: string;
  /** Allows sending the token unencrypted to another host, which otherwise throws a TypeError. */
  insecure?: boolean;
  /** A WebSocket class, for platforms without one. */
  WebSocket?: unknown;
  /** In milliseconds; the defaults match the server's. */
  timing?: Partial<Record<"minDelay" | "maxDelay" | "stableAfter" | "openWithin" | "silence" | "pongWithin", number>>;
}

/** One connection, kept alive, for any number of streams. */
export class AgentStream {
  /** @param url ws(s) or http(s), absolute or relative to the page; by default the page's own `/ws/`. */
  constructor(url?: string | URL, options?: Options);
  readonly state: State;
  /** When the next attempt starts (milliseconds since the epoch); null if none is scheduled. */
  readonly retryAt: number | null;
  /** The last close code; null if there was none. */
  readonly closeCode: number | null;
  agent(id: string, from?: From): AgentSubscription;
  workspace(id: string, from?: From): WorkspaceSubscription;
  /** The user's inbox: what they have seen, and which workspaces they have access to. */
  inbox(from?: From): InboxSubscription;
  /**
   * Answers a request and returns its resolution once that is stored, even if the connection is lost meanwhile. Throws an error
   * with a `code`: `CONFLICT` if someone else was first; the error's `resolution` is then theirs. Needs a WebSocket.
   */
  answer(agentId: string, requestId: string, answer: Answer): Promise<Resolution & { resolvedAt: string }>;
  /** `state`: `state` or `retryAt` changed. `error`: the server reported an error that is not about a subscription. */
  on(name: "state", listener: (state: State) => void): () => void;
  on(name: "error", listener: (error: ProtocolError) => void): () => void;
  /** Reconnects now instead of at `retryAt`; when connected, checks that the server still answers. */
  retry(): void;
  close(): void;
}
