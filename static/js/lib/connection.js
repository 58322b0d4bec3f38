import { element } from "./dom.js";
import { stream } from "./stream.js";

const WORDS = {
  connecting: "Connecting…",
  live: "Live",
  behind: "Catching up…",
  reconnecting: "Reconnecting…",
};

const ENDINGS = {
  4401: "Signed out",
  4403: "Access ended",
};

/** Being behind for less than this is nothing to tell anybody. */
const PATIENCE = 250;

/** `<connection-state sign-in="/sign-in/">`: says in the page's header whether what is shown is live. */
class ConnectionState extends HTMLElement {
  // Only the state is announced; a countdown read aloud every second would be unbearable.
  #words = element("span", { class: "connection-words", role: "status" });
  #next = element("span", { class: "connection-next", "aria-hidden": "true" });
  #retry = element("button", { type: "button" }, "Try now");
  #timer;

  connectedCallback() {
    this.#retry.addEventListener("click", () => stream.retry());
    this.append(this.#words, this.#next, this.#retry);
    stream.on("state", () => this.#changed());
    this.#changed();
  }

  #changed() {
    clearTimeout(this.#timer);
    if (stream.state === "behind") this.#timer = setTimeout(() => this.#render(), PATIENCE);
    else this.#render();
  }

  #render() {
    const { state, closeCode } = stream;
    this.dataset.state = state;
    const words = WORDS[state] ?? ENDINGS[closeCode] ?? "Disconnected";
    if (words !== this.#words.textContent) this.#words.textContent = words;
    this.#retry.hidden = state !== "reconnecting" || stream.retryAt === null;
    this.#count();
    if (state === "closed") this.#offerWayBack();
  }

  #count() {
    clearTimeout(this.#timer);
    this.#next.replaceChildren();
    if (stream.retryAt === null) return;
    const seconds = Math.max(0, Math.ceil((stream.retryAt - Date.now()) / 1000));
    this.#next.append(element("span", { class: "long" }, "next try "), `in ${seconds} s`);
    this.#timer = setTimeout(() => this.#count(), 500);
  }

  #offerWayBack() {
    const signIn = `${this.getAttribute("sign-in")}?next=${encodeURIComponent(location.pathname)}`;
    const link = ENDINGS[stream.closeCode] ? element("a", { href: signIn }, "Sign in again") : element("a", { href: location.href }, "Reload");
    this.replaceChildren(this.#words, link);
  }
}

customElements.define("connection-state", ConnectionState);
