/** Closer to the end than this counts as being there. */
const SLACK = 40;

/** Keeps a scrolled element at its end until the reader scrolls up; then a button says how much is new. */
export class Follower {
  following = true;
  #scroller;
  #button;
  #unseen = 0;

  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.end());
    new ResizeObserver(() => this.following && this.#toEnd()).observe(scroller);
  }

  /** Lets `add` append what `count` events brought. */
  grow(count, add) {
    add();
    if (this.following) return this.#toEnd();
    this.#unseen += count;
    this.#label();
  }

  /** Lets `change` alter what lies above, without moving what the reader looks at. */
  keepPlace(change) {
    const { scrollHeight, scrollTop } = this.#scroller;
    change();
    this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight;
  }

  end() {
    this.following = true;
    this.#toEnd();
    this.#label();
    this.#scroller.focus({ preventScroll: true });
  }

  #toEnd() {
    this.#unseen = 0;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.following = scrollHeight - scrollTop - clientHeight < SLACK;
    if (this.following) this.#unseen = 0;
    this.#label();
  }

  #label() {
    this.#button.hidden = this.following;
    this.#button.textContent = this.#unseen ? `↓ ${this.#unseen.toLocaleString("en")} new` : "↓ To the end";
  }
}
