import { clockTime } from "./format.js";
import { stream } from "./stream.js";

/** A break shorter than this is over before anybody has read about it. */
const PATIENCE = 1_000;

/** `<stale-notice>`: while the page is not live, says since when, and marks the content as possibly out of date. */
class StaleNotice extends HTMLElement {
  #liveUntil = null;
  #wasLive = false;
  #timer;

  connectedCallback() {
    stream.on("state", (state) => this.#changed(state));
  }

  #changed(state) {
    clearTimeout(this.#timer);
    if (state === "live") {
      this.#wasLive = true;
      this.#liveUntil = null;
      return this.#show(false);
    }
    if (!this.#wasLive && state !== "closed") return;
    this.#liveUntil ??= new Date();
    const wait = this.hidden && state !== "closed" ? PATIENCE : 0;
    this.#timer = setTimeout(() => this.#show(true), wait);
  }

  #show(stale) {
    this.hidden = !stale;
    document.documentElement.classList.toggle("stale", stale);
    if (!stale) return;
    const since = clockTime(this.#liveUntil);
    if (stream.state === "behind") this.textContent = "Catching up. Newer events are still arriving.";
    else if (stream.state === "closed") this.textContent = `No longer live. What you see is as of ${since}.`;
    else this.textContent = `Connection lost. What you see is as of ${since} and may be out of date.`;
  }
}

customElements.define("stale-notice", StaleNotice);
