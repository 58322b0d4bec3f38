import { call } from "./api.js";

const INTERVAL_MS = 10_000;

/**
 * Polls an API path for what no stream reports: only while the page is visible and `enabled()` is true, and immediately when the
 * user returns to the page or the network comes back.
 */
export class Poller {
  #path;
  #onchange;
  #requests = 0;
  #last;

  /**
   * @param {string} path
   * @param {(answer: any) => void} onchange called with each answer that differs from the one before
   * @param {{enabled?: () => boolean, interval?: number}} [options] `interval` in milliseconds
   */
  constructor(path, onchange, { enabled = () => true, interval = INTERVAL_MS } = {}) {
    this.#path = path;
    this.#onchange = onchange;
    const poll = () => {
      if (document.visibilityState === "visible" && enabled()) this.poll();
    };
    document.addEventListener("visibilitychange", poll);
    addEventListener("online", poll);
    const timer = setInterval(poll, interval);
    this.stop = () => {
      document.removeEventListener("visibilitychange", poll);
      removeEventListener("online", poll);
      clearInterval(timer);
    };
  }

  /** Polls now. An answer overtaken by a later request is dropped. */
  async poll() {
    const request = ++this.#requests;
    const answer = await call("GET", this.#path).catch((error) => this.#failed(error));
    if (!answer || request !== this.#requests || JSON.stringify(answer) === this.#last) return;
    this.#last = JSON.stringify(answer);
    this.#onchange(answer);
  }

  /** The page no longer shows the last answer: report the next one even if it is the same. */
  forget() {
    this.#last = undefined;
  }

  /** After a sign-out, every further answer would be the same; other errors may pass. */
  #failed({ status }) {
    if (status === 401) this.stop();
  }
}
