/** Types of the Agentstream client. The messages are those of the protocol, version `agentstream.v1`. */

export type Status = "idle" | "running" | "waiting" | "error" | "finished" | "offline";
export type Role = "assistant" | "user" | "system" | "tool";
export type Kind = "text" | "thinking" | "tool_call" | "tool_result";

/** What every message from the server looks like. */
export interface Message<Type extends string = string, Payload = unknown> {
  type: Type;
  payload: Payload;
  /** RFC 3339, UTC. */
  timestamp: string;
}

/** A message that is part of a stream. */
export interface StreamEvent<Type extends string = string, Payload = unknown> extends Message<Type, Payload> {
  /** Its place in the stream: 1, 2, 3 … A replayed event may stand for several merged ones and then bears the last one's place. */
  seq: number;
}

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
}

export interface StatusChange {
  agentId: string;
  status: Status;
  previousStatus: Status;
  reason?: string;
}

export interface ContextChange {
  agentId: string;
  /** Whole percent of the context window in use. */
  contextLevel: number;
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

/** That a person asked the agent's runner to interrupt or stop it. */
export interface Signal {
  agentId: string;
  signal: "interrupt" | "stop";
  from: string;
}

export interface Agent {
  id: string;
  workspaceId: string;
  name: string;
  status: Status;
  reason?: string;
  /** null: the agent has not reported any. */
  contextLevel: number | null;
  tokensUsed?: number;
  tokensLimit?: number;
  createdAt: string;
  updatedAt: string;
}

export interface Workspace {
  id: string;
  name: string;
  slug: string;
  agents: Agent[];
}

interface Changes {
  workspace_updated: { id: string; name: string; slug: string };
  agent_added: Agent;
  agent_updated: Agent;
  agent_removed: { agentId: string };
  agent_status: StatusChange;
  agent_context: ContextChange;
  member_added: Record<string, unknown>;
  member_updated: Record<string, unknown>;
  member_removed: Record<string, unknown>;
}

/** One change in a workspace; `change` says what `data` holds. */
export type Updated = { [C in keyof Changes]: { workspaceId: string; change: C; data: Changes[C] } }[keyof Changes];

export interface Subscribed<State> {
  type: "agent" | "workspace";
  id: string;
  /** The stream's newest event; `state` is how things are after it. */
  seq: number;
  /** The oldest event still kept. */
  oldest: number;
  /** false: events in between are gone. Drop what you had; what follows starts at `oldest`. */
  complete: boolean;
  state: State;
}

export interface Unsubscribed {
  type: "agent" | "workspace";
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
  /** Any event of the stream, known to this version or not. */
  event: [event: Events];
  /** The server has (again) agreed to send this stream. Apply `state` only together with the events after its `seq`. */
  subscribed: [payload: Subscribed<State>, message: Message<"subscribed", Subscribed<State>>];
  /** The server will send no more: the agent was deleted, access withdrawn, or the request refused. */
  unsubscribed: [payload: Unsubscribed, message: Message];
}

export type AgentEvent =
  | StreamEvent<"agent:output", Output>
  | StreamEvent<"agent:status", StatusChange>
  | StreamEvent<"agent:context", ContextChange>
  | StreamEvent<"agent:error", AgentError>
  | StreamEvent<"agent:terminated", Terminated>
  | StreamEvent<"agent:input", Input>
  | StreamEvent<"agent:signal", Signal>;

export type WorkspaceEvent = StreamEvent<"workspace:updated", Updated>;

export interface AgentListeners extends CommonListeners<Agent, AgentEvent> {
  output: [payload: Output, event: StreamEvent<"agent:output", Output>];
  status: [payload: StatusChange, event: StreamEvent<"agent:status", StatusChange>];
  context: [payload: ContextChange, event: StreamEvent<"agent:context", ContextChange>];
  error: [payload: AgentError, event: StreamEvent<"agent:error", AgentError>];
  terminated: [payload: Terminated, event: StreamEvent<"agent:terminated", Terminated>];
  input: [payload: Input, event: StreamEvent<"agent:input", Input>];
  signal: [payload: Signal, event: StreamEvent<"agent:signal", Signal>];
}

export interface WorkspaceListeners extends CommonListeners<Workspace, WorkspaceEvent> {
  updated: [payload: Updated, event: WorkspaceEvent];
}

/**
 * One reader's place in one stream. Every retained event after that place arrives once and in order, through lost connections
 * and restarted servers. Add listeners in the same turn in which you subscribe.
 */
export interface Subscription<Listeners, Events extends StreamEvent, State> extends AsyncIterable<Events | Message<"subscribed", Subscribed<State>>> {
  readonly type: "agent" | "workspace";
  readonly id: string;
  /** The last event seen; keep it and pass it as `since` to carry on another day. undefined until known. */
  readonly seq: number | undefined;
  /** The timestamp of the last event seen, to be passed as `at` beside it. */
  readonly at: string | undefined;
  /** Listens; returns the function that stops listening. */
  on<Name extends keyof Listeners & string>(
    name: Name,
    listener: (...args: Listeners[Name] extends unknown[] ? Listeners[Name] : never) => void,
  ): () => void;
  /** Ends it. The last subscription of a stream that is closed unsubscribes from it. */
  close(): void;
  /**
   * Yields every event, and a `subscribed` message where it says `complete: false`. A slow reader makes the subscription wait
   * and later ask for the rest; nothing piles up. Ends when closed or when the agent is deleted; otherwise throws an error with a `code`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Events | Message<"subscribed", Subscribed<State>>>;
}

export type AgentSubscription = Subscription<AgentListeners, AgentEvent, Agent>;
export type WorkspaceSubscription = Subscription<WorkspaceListeners, WorkspaceEvent, Workspace>;

/** Where to begin. Without `since`: from now on. `since: 0`: everything that is kept. */
export interface From {
  since?: number;
  /** The timestamp of the event at `since`, if known: it reveals a log that was restored from a backup. */
  at?: string;
}

/**
 * - `connecting`: the first attempt is on its way
 * - `live`: everything there is has arrived
 * - `behind`: connected, but older events are still to come
 * - `reconnecting`: the connection was lost; `retryAt` is when the next attempt starts
 * - `closed`: over, by `close()` or by a `closeCode` that makes another attempt pointless
 */
export type State = "connecting" | "live" | "behind" | "reconnecting" | "closed";

export interface Options {
  /** Fetches a single-use ticket; asked before every attempt. Rules out server-sent events where WebSockets are blocked. Throw an error with `closeCode: 4401` to give up. */
  ticket?: () => string | Promise<string>;
  /** An API token, exchanged for a ticket before every attempt. Not for pages that others can read. */
  token?: string;
  /** A WebSocket class, where there is none built in. */
  WebSocket?: unknown;
  /** Milliseconds; the defaults suit the server's. */
  timing?: Partial<Record<"minDelay" | "maxDelay" | "stableAfter" | "openWithin" | "silence" | "pongWithin", number>>;
}

/** One connection, kept alive, for any number of streams. */
export class AgentStream {
  /** @param url ws(s) or http(s), absolute or relative to the page; the page's own `/ws/` when left out. */
  constructor(url?: string | URL, options?: Options);
  readonly state: State;
  /** When the next attempt starts (milliseconds since the epoch), while one is waiting. */
  readonly retryAt: number | null;
  /** The code of the last close, null if there was none. */
  readonly closeCode: number | null;
  agent(id: string, from?: From): AgentSubscription;
  workspace(id: string, from?: From): WorkspaceSubscription;
  /** `state`: `state` or `retryAt` changed. `error`: the server complained of something other than a subscription. */
  on(name: "state", listener: (state: State) => void): () => void;
  on(name: "error", listener: (error: ProtocolError) => void): () => void;
  /** Tries again now instead of at `retryAt`; when connected, makes sure that the line still answers. */
  retry(): void;
  close(): void;
}
