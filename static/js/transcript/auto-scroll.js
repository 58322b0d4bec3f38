import { formatNumber } from "../lib/format.js";

/** Closer to the end than this counts as at the end. */
const SLACK_PX = 40;

/** Keeps an element scrolled to its end until the reader scrolls up; then a button shows how much is new. */
export class AutoScroll {
  following = true;
  /** Called when the end may have come into sight. */
  onend = () => {};
  #scroller;
  #button;
  #unseen = 0;
  #top = 0;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLButtonElement} button goes to the end
   */
  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.end());
    const resized = new ResizeObserver(() => {
      this.#look();
      if (this.following) this.#toEnd();
    });
    for (const one of [scroller, ...scroller.children]) resized.observe(one);
  }

  get scroller() {
    return this.#scroller;
  }

  /**
   * Runs `add`, which appends `count` events, some of them perhaps to what is above.
   * @param {number} count
   * @param {() => Element | undefined} anchor
   * @param {() => void} add
   */
  grow(count, anchor, add) {
    this.keepPlace(anchor, add);
    if (this.following) return;
    this.#unseen += count;
    this.#label();
  }

  /**
   * Runs `change`, which alters content above or around an element, without moving what the reader is looking at.
   * @param {() => Element | undefined} anchor finds that element, before and after the change
   * @param {() => void} change
   */
  keepPlace(anchor, change) {
    this.#look();
    const before = this.following ? 0 : anchor()?.getBoundingClientRect().top;
    change();
    if (this.following) return this.#toEnd();
    const after = anchor();
    if (after?.isConnected && before !== undefined) {
      this.#scroller.scrollTop += after.getBoundingClientRect().top - before;
    }
  }

  /** Runs `change`, which the reader has asked for at an element: it stays, even where the end was followed. */
  holdStill(anchor, change) {
    this.following = false;
    this.keepPlace(anchor, change);
    this.#scrolled();
  }

  /** Scrolls to `element` and stays there. @param {Element} element */
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
    this.#top = this.#scroller.scrollTop;
  }

  /** The reader may have scrolled up without an event yet, and must not be taken back to the end. */
  #look() {
    if (this.following && this.#scroller.scrollTop < this.#top) this.#scrolled();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const left = scrollHeight - scrollTop - clientHeight;
    // While the end is followed, content growing below is not the reader's doing; only scrolling up is.
    if (left < SLACK_PX) this.following = true;
    else if (scrollTop < this.#top) this.following = false;
    this.#top = scrollTop;
    if (this.following) this.#unseen = 0;
    this.#label();
  }

  #label() {
    if (this.following) this.onend();
    this.#button.hidden = this.following;
    this.#button.textContent = this.#unseen ? `↓ ${formatNumber(this.#unseen)} new` : "↓ Jump to the end";
  }
}
