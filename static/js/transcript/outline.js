import { Entry } from "./entry.js";
import { Thread } from "./thread.js";

/** The header and the rail show these, not the transcript. */
const ELSEWHERE = new Set(["agent:context", "agent:usage", "agent:plan", "agent:updated"]);
const OVER = new Set(["idle", "finished", "error", "offline"]);

/** @typedef {{added: Map<string | undefined, Entry[]>, changed: Set<Entry>}} Growth what to show of some events: new entries by the id of their sub-agent, and changed ones */

/** What belongs together in a transcript: messages and their chunks, calls and their results, sub-agents and what they say. */
export class Outline {
  /** Sub-agents by the id of the call that started them. @type {Map<string, Thread>} */
  threads = new Map();
  /** Calls that may still get a result, by id. @type {Map<string, Entry>} */
  calls = new Map();
  /** Results whose call isn't known, by its id. @type {Map<string, Entry>} */
  results = new Map();
  /** Requests that may still be answered, by id. @type {Map<string, Entry>} */
  asked = new Map();
  /** The newest entry of each sub-agent, and of the agent itself. @type {Map<string | undefined, Entry>} */
  lasts = new Map();
  /** The seq at which whatever ran had last ended. */
  endedAt = 0;
  /** Calls without a result. @type {Set<Entry>} */
  #open = new Set();
  #session;
  /** @type {Growth} */
  #growth;

  /** @param {any[]} events the next ones @returns {Growth} */
  add(events) {
    this.#growth = { added: new Map(), changed: new Set() };
    for (const event of events) this.#take(event);
    return this.#growth;
  }

  /**
   * Takes over what an outline of the events before knows.
   * @param {Outline} past
   * @returns {{adopted: Thread[], gone: Entry[], changed: Set<Entry>}} sub-agents that are new here, entries to remove
   */
  recall(past) {
    const found = { adopted: [], gone: [], changed: new Set() };
    for (const [id, thread] of past.threads) this.#recallThread(id, thread, past.lasts.get(id), found);
    for (const [id, call] of past.calls) this.#recallCall(id, call, found);
    for (const [id, entry] of past.asked) if (!this.asked.has(id)) this.asked.set(id, entry);
    for (const call of past.#open) {
      if (call.seq < this.endedAt) call.over = true;
      else this.#open.add(call);
    }
    if (!this.lasts.size) this.lasts = past.lasts;
    return found;
  }

  /** Forgets an entry that is no longer shown; those up to `from` will come again. @param {Entry} entry @param {number} from */
  forget(entry, from) {
    const { toolCallId, requestId, parentId } = entry.payload;
    this.#open.delete(entry);
    if (this.asked.get(requestId) === entry) this.asked.delete(requestId);
    if (this.calls.get(toolCallId) === entry) this.calls.delete(toolCallId);
    if (this.results.get(toolCallId) === entry) this.results.delete(toolCallId);
    if (entry.result?.seq > from) this.results.set(toolCallId, entry.result);
    const thread = entry.thread ?? this.threads.get(parentId);
    if (thread && !thread.running && !thread.count) this.threads.delete(thread.id);
  }

  /** Something else than its call to show a sub-agent in. @param {Thread} thread */
  holdPlace(thread) {
    const { payload, timestamp, firstSeq: seq } = thread.host;
    thread.move(new Entry({ type: "agent:subagent", payload, timestamp, seq }, { type: "subagent" }));
    return thread.host;
  }

  #recallThread(id, thread, last, { adopted, gone, changed }) {
    const known = this.threads.get(id);
    if (!known) {
      this.threads.set(id, thread);
      if (last) this.lasts.set(id, last);
      if (thread.stop(this.endedAt)) changed.add(thread.host);
      return adopted.push(thread);
    }
    known.recall(thread);
    const { host } = thread;
    if (known.host.type !== "subagent") return gone.push(host);
    gone.push(known.host);
    known.move(host);
    changed.add(host);
  }

  #recallCall(id, call, { gone, changed }) {
    const result = this.results.get(id);
    if (result && !call.result) {
      call.result = result;
      this.results.delete(id);
      gone.push(result);
    }
    const thread = this.threads.get(id);
    if (thread?.host.type === "subagent") {
      gone.push(thread.host);
      thread.move(call);
    }
    if (call.seq > this.endedAt && !this.calls.has(id)) this.calls.set(id, call);
    changed.add(call);
  }

  #take(event) {
    const { type, payload } = event;
    if (ELSEWHERE.has(type)) return undefined;
    if (type === "agent:subagent") return this.#noteThread(event);
    if (type === "agent:status" || type === "agent:terminated") return this.#end(event);
    if (type === "agent:session") return this.#divide(event);
    if (type === "agent:request_resolved" && this.#resolve(payload)) return undefined;
    if (payload.kind === "tool_result" && this.#answer(event)) return undefined;
    if (type === "agent:output" && payload.parentId !== undefined) this.#threadOf(payload.parentId, event);
    const last = this.lasts.get(payload.parentId);
    if (last?.extend(event)) return this.#growth.changed.add(last);
    return this.#add(new Entry(event));
  }

  /** @param {Entry} entry */
  #add(entry) {
    const { added } = this.#growth;
    const { threadId } = entry;
    entry.follow(this.lasts.get(threadId) ?? null);
    this.lasts.set(threadId, entry);
    if (!added.has(threadId)) added.set(threadId, []);
    added.get(threadId).push(entry);
    const { toolCallId, requestId } = entry.payload;
    if (entry.type === "tool") this.#open.add(entry);
    if (entry.type === "tool" && toolCallId !== undefined) this.calls.set(toolCallId, entry);
    if (entry.type === "result" && toolCallId !== undefined) this.results.set(toolCallId, entry);
    if (entry.variant === "request") this.asked.set(requestId, entry);
    return entry;
  }

  /** A result is part of its call, however much comes between. */
  #answer(event) {
    const call = this.calls.get(event.payload.toolCallId);
    if (!call) return false;
    if (call.result) call.result.absorb(event);
    else call.result = new Entry(event);
    this.#open.delete(call);
    this.#growth.changed.add(call);
    return true;
  }

  #resolve(resolution) {
    const asked = this.asked.get(resolution.requestId);
    if (!asked) return false;
    asked.resolution = resolution;
    this.#growth.changed.add(asked);
    return true;
  }

  #noteThread(event) {
    const thread = this.#threadOf(event.payload.parentId, event);
    thread.note(event);
    this.#growth.changed.add(thread.host);
  }

  /** @param {string} id @param {any} event its first one */
  #threadOf(id, event) {
    const known = this.threads.get(id);
    if (known) {
      this.#growth.changed.add(known.host);
      return known;
    }
    const host = this.calls.get(id) ?? this.#add(new Entry(event, { type: "subagent" }));
    const thread = new Thread(id, host);
    this.threads.set(id, thread);
    this.#growth.changed.add(host);
    return thread;
  }

  /** A status, or the end of the process: one line for all that follow each other; nothing while it runs. */
  #end(event) {
    const { status } = event.payload;
    const last = this.lasts.get(undefined);
    if (OVER.has(status) || event.type === "agent:terminated") this.#stop(event);
    if (status === "running") return this.#goOn(last);
    if (last?.variant !== "closing" || last.hidden) return this.#add(new Entry(event));
    last.close(event);
    return this.#growth.changed.add(last);
  }

  /** A pause in which nothing was said is not worth a line. */
  #goOn(last) {
    if (last?.variant !== "closing" || !last.isPause) return;
    last.hidden = true;
    this.#growth.changed.add(last);
  }

  /** Whatever has no result by now won't get one. */
  #stop({ type, seq }) {
    for (const call of this.#open) {
      if (call.thread?.running && type !== "agent:terminated") continue;
      call.over = true;
      this.#open.delete(call);
      this.#growth.changed.add(call);
    }
    if (type !== "agent:terminated") return;
    this.endedAt = seq;
    for (const thread of this.threads.values()) if (thread.stop(seq)) this.#growth.changed.add(thread.host);
    // Another run may use the same ids.
    this.calls.clear();
  }

  #divide(event) {
    const { session, change } = event.payload;
    const repeated = change === "started" && session === this.#session;
    if (change === "ended") return this.#end(event);
    if (change !== "compacted") this.#session = session;
    return repeated ? undefined : this.#add(new Entry(event));
  }
}
