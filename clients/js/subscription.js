import { Emitter } from "./emitter.js";

/** How many events wait for a slow reader of an iteration before the subscription stops and later asks for the rest again. */
const QUEUE_LIMIT = 1_000;

/** One reader's place in one stream. Made by `AgentStream.agent()` and `.workspace()`. */
export class Subscription extends Emitter {
  /** Timestamp of the event at `seq`: lets the server notice a log restored from a backup. */
  at;
  paused = false;
  /** Once over: the error that ended it, or null. */
  ended;
  #onclose;
  #onresume;

  constructor({ type, id }, { since, at } = {}, { onclose, onresume }) {
    super();
    this.type = type;
    this.id = id;
    this.place(since, at);
    this.#onclose = onclose;
    this.#onresume = onresume;
  }

  place(seq, at) {
    this.seq = seq;
    this.at = at;
  }

  take(event) {
    if (this.ended !== undefined) return;
    this.place(event.seq, event.timestamp);
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
   * Yields each event, and the `subscribed` answer where it says `complete: false`: what came before is void then.
   * Ends when the subscription is closed or its agent deleted; throws where it was refused, withdrawn or the connection closed for good.
   */
  [Symbol.asyncIterator]() {
    const queue = [];
    const waiting = [];
    const wake = () => waiting.splice(0).forEach((resolve) => resolve());
    const push = (message) => {
      if (queue.push(message) >= QUEUE_LIMIT) this.paused = true;
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
