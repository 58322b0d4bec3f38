/** Closer to the end than this counts as being there. */
const SLACK = 40;

/** Keeps a scrolled element at its end until the reader scrolls up; then a button says how much is new. */
export class Follower {
  following = true;
  #scroller;
  #button;
  #unseen = 0;
  #top = 0;

  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.end());
    const resized = new ResizeObserver(() => this.following && this.#toEnd());
    for (const one of [scroller, ...scroller.children]) resized.observe(one);
  }

  get scroller() {
    return this.#scroller;
  }

  /** Lets `add` append what `count` events brought. */
  grow(count, add) {
    add();
    if (this.following) return this.#toEnd();
    this.#unseen += count;
    this.#label();
  }

  /** Lets `change` alter what lies above or around, without moving what the reader looks at: `anchor`, an element that stays. */
  keepPlace(anchor, change) {
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (this.following) return this.#toEnd();
    if (anchor?.isConnected) this.#scroller.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  /** Shows `element` in the middle, and stays there. */
  show(element) {
    this.following = false;
    element.scrollIntoView({ block: "center" });
    this.#label();
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
    const left = scrollHeight - scrollTop - clientHeight;
    // What grows below while the end is followed is not the reader's doing; only moving up is.
    if (left < SLACK) this.following = true;
    else if (scrollTop < this.#top) this.following = false;
    this.#top = scrollTop;
    if (this.following) this.#unseen = 0;
    this.#label();
  }

  #label() {
    this.#button.hidden = this.following;
    this.#button.textContent = this.#unseen ? `↓ ${this.#unseen.toLocaleString("en")} new` : "↓ To the end";
  }
}
