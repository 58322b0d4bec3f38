const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];
const REFRESH = 5_000;

/** "25 s ago". Clocks differ, so the future and the last few seconds are "just now". */
export function ago(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 5) return "just now";
  const [size, unit] = UNITS.find(([size]) => seconds >= size);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

/** `<time-ago datetime="…">`, kept current by one timer for the whole page. */
class TimeAgo extends HTMLElement {
  static observedAttributes = ["datetime"];
  static #shown = new Set();

  static {
    setInterval(() => TimeAgo.#shown.forEach((one) => one.#render()), REFRESH);
  }

  connectedCallback() {
    TimeAgo.#shown.add(this);
    this.#render();
  }

  disconnectedCallback() {
    TimeAgo.#shown.delete(this);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#render();
  }

  #render() {
    const then = new Date(this.getAttribute("datetime"));
    if (Number.isNaN(then.getTime())) return this.replaceChildren();
    const words = ago(Date.now() - then);
    if (words !== this.textContent) this.textContent = words;
    this.title = then.toLocaleString();
  }
}

customElements.define("time-ago", TimeAgo);
