import { Emitter } from "./emitter.js";

/** With this many events waiting for a slow iteration, the subscription pauses and requests the rest later. */
const MAX_QUEUED_EVENTS = 1_000;

/** One reader's position in one stream. Made by `AgentStream.agent()`, `.workspace()` and `.inbox()`. */
export class Subscription extends Emitter {
  /** Timestamp of the event at `seq`, by which the server detects a log that was restored from a backup. */
  at;
  paused = false;
  /** Once ended: the error that ended it, or null. */
  ended;
  #onclose;
  #onresume;

  /**
   * @param {{ type: string, id: string }} channel
   * @param {{ since?: number, at?: string, state?: boolean } | undefined} from
   * @param {{ onclose: (subscription: Subscription) => void, onresume: (subscription: Subscription) => void }} listeners
   */
  constructor({ type, id }, { since, at, state = true } = {}, { onclose, onresume }) {
    super();
    this.type = type;
    this.id = id;
    this.state = state;
    this.moveTo(since, at);
    this.#onclose = onclose;
    this.#onresume = onresume;
  }

  moveTo(seq, at) {
    this.seq = seq;
    this.at = at;
  }

  deliver(event) {
    if (this.ended !== undefined) return;
    this.moveTo(event.seq, event.timestamp);
    this.emit(event.type.split(":")[1], event.payload, event);
    this.emit("event", event);
  }

  close() {
    if (this.ended !== undefined) return;
    this.end();
    this.#onclose(this);
  }

  end(error = null) {
    this.ended = error;
    this.emit("end");
  }

  /**
   * Yields each event, and a `subscribed` answer with `complete: false`, which voids everything before it. Ends when the
   * subscription is closed or its agent deleted; throws if access was refused or revoked, or the connection closed for good.
   */
  [Symbol.asyncIterator]() {
    const queue = [];
    const waiting = [];
    const wake = () => waiting.splice(0).forEach((resolve) => resolve());
    const push = (message) => {
      if (queue.push(message) >= MAX_QUEUED_EVENTS) this.paused = true;
      wake();
    };
    const restart = ({ complete }, message) => {
      if (complete) return;
      queue.length = 0;
      push(message);
    };
    const resume = () => {
      if (!this.paused) return;
      this.paused = false;
      this.#onresume(this);
    };
    const listeners = [this.on("event", push), this.on("subscribed", restart), this.on("end", wake)];
    const stop = () => {
      listeners.forEach((off) => off());
      queue.length = 0;
      resume();
      return { done: true, value: undefined };
    };
    const next = async () => {
      while (!queue.length && this.ended === undefined) await new Promise((resolve) => waiting.push(resolve));
      if (!queue.length) {
        const done = stop();
        if (this.ended) throw this.ended;
        return done;
      }
      const value = queue.shift();
      if (!queue.length) resume();
      return { done: false, value };
    };
    return {
      next,
      return: async () => stop(),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
