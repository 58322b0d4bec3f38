import { call } from "./api.js";

/** Between two questions, while somebody looks. */
const EVERY = 10_000;

/**
 * Asks the API for what no stream tells, again and again: only while the page is looked at and `wanted()` says so, and at
 * once when somebody comes back to it or the network does. `onchange(answer)` where it is not what it was.
 */
export class Lookout {
  #path;
  #onchange;
  #asked = 0;
  #known;

  constructor(path, onchange, { wanted = () => true, every = EVERY } = {}) {
    this.#path = path;
    this.#onchange = onchange;
    const look = () => document.visibilityState === "visible" && wanted() && this.ask();
    document.addEventListener("visibilitychange", look);
    addEventListener("online", look);
    const timer = setInterval(look, every);
    this.stop = () => {
      document.removeEventListener("visibilitychange", look);
      removeEventListener("online", look);
      clearInterval(timer);
    };
  }

  /** Asks now; an answer that was overtaken by a later question is dropped. */
  async ask() {
    const asked = ++this.#asked;
    const answer = await call("GET", this.#path).catch((error) => this.#failed(error));
    if (!answer || asked !== this.#asked || JSON.stringify(answer) === this.#known) return;
    this.#known = JSON.stringify(answer);
    this.#onchange(answer);
  }

  /** What is shown is no longer what was answered last. */
  forget() {
    this.#known = undefined;
  }

  /** Who is signed out gets no other answer by asking again; whatever else it is may pass. */
  #failed({ status }) {
    if (status === 401) this.stop();
  }
}
