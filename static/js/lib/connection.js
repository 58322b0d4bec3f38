import { AgentStream } from "../../clients/js/agentstream.js";
import { element } from "./dom.js";
import { formatClock } from "./format.js";

const STATES = {
  connecting: "Connecting…",
  live: "Live",
  behind: "Catching up…",
  reconnecting: "Reconnecting…",
};
const CLOSED = {
  4401: "Signed out",
  4403: "Access ended",
};
/** Shorter than this, being behind isn't worth showing. */
const SHOW_BEHIND_AFTER_MS = 250;
/** A shorter interruption is over before anyone could read about it. */
const SHOW_STALE_AFTER_MS = 1_000;
/** The server's own heartbeat is too rare for a page that says it is live. It must answer before it is asked again. */
const CHECK_INTERVAL_MS = 5_000;
const ANSWER_WITHIN_MS = 4_500;

/** @type {AgentStream | undefined} */
let opened;

/** The page's one connection, opened at first use. The session cookie authenticates it. */
export function connection() {
  return (opened ??= new AgentStream("/ws/", { timing: { pongWithin: ANSWER_WITHIN_MS } }));
}

/** A page whose server or network hangs must not go on saying that it is live. */
function check() {
  if (["live", "behind"].includes(connection().state)) connection().retry();
}

/** `<connection-state sign-in="/sign-in/">`: shows in the page's header whether the page is live. */
class ConnectionState extends HTMLElement {
  // Only the state is announced; a countdown read aloud every second would be unbearable.
  #state = element("span", { class: "connection-words", role: "status" });
  #countdown = element("span", { class: "connection-next", "aria-hidden": "true" });
  #retry = element("button", { type: "button" }, "Retry now");
  #timer;

  connectedCallback() {
    this.#retry.addEventListener("click", () => connection().retry());
    this.append(this.#state, this.#countdown, this.#retry);
    connection().on("state", () => this.#changed());
    setInterval(check, CHECK_INTERVAL_MS);
    this.#changed();
  }

  #changed() {
    clearTimeout(this.#timer);
    if (connection().state === "behind") this.#timer = setTimeout(() => this.#render(), SHOW_BEHIND_AFTER_MS);
    else this.#render();
  }

  #render() {
    const { state, closeCode, retryAt } = connection();
    this.dataset.state = state;
    const text = STATES[state] ?? CLOSED[closeCode] ?? "Disconnected";
    if (text !== this.#state.textContent) this.#state.textContent = text;
    this.#retry.hidden = state !== "reconnecting" || retryAt === null;
    this.#renderCountdown();
    if (state === "closed") this.#offerReturn(closeCode);
  }

  #renderCountdown() {
    clearTimeout(this.#timer);
    this.#countdown.replaceChildren();
    const { retryAt } = connection();
    if (retryAt === null) return;
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    this.#countdown.append(element("span", { class: "long" }, "retrying "), `in ${seconds} s`);
    this.#timer = setTimeout(() => this.#renderCountdown(), 500);
  }

  #offerReturn(closeCode) {
    const signIn = `${this.getAttribute("sign-in")}?next=${encodeURIComponent(location.pathname)}`;
    const link = CLOSED[closeCode]
      ? element("a", { href: signIn }, "Sign in again")
      : element("a", { href: location.href }, "Reload");
    this.replaceChildren(this.#state, link);
  }
}

/** `<stale-notice>`: while the page isn't live, says since when, and marks its content as possibly out of date. */
class StaleNotice extends HTMLElement {
  #liveUntil = null;
  #wasLive = false;
  #timer;

  connectedCallback() {
    connection().on("state", (state) => this.#changed(state));
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
    const wait = this.hidden && state !== "closed" ? SHOW_STALE_AFTER_MS : 0;
    this.#timer = setTimeout(() => this.#show(true), wait);
  }

  #show(stale) {
    this.hidden = !stale;
    document.documentElement.classList.toggle("stale", stale);
    if (!stale) return;
    const since = formatClock(this.#liveUntil);
    const { state } = connection();
    if (state === "behind") this.textContent = "Catching up. Newer events are still arriving.";
    else if (state === "closed") this.textContent = `No longer live. You are seeing the state as of ${since}.`;
    else this.textContent = `Connection lost. You are seeing the state as of ${since}, which may be out of date.`;
  }
}

customElements.define("connection-state", ConnectionState);
customElements.define("stale-notice", StaleNotice);
