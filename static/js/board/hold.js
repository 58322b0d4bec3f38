/** How long after a touch the finger may still be about to come down again. */
const AFTER_TOUCH_MS = 1_000;

/** Tells whether someone is at work in a list, so that nothing in it may move: by pointer, finger or keyboard. */
export class Hold {
  #root;
  #touched = false;
  #timer;

  /**
   * @param {HTMLElement} root
   * @param {() => void} onchange called when it may have begun or ended
   */
  constructor(root, onchange) {
    this.#root = root;
    for (const name of ["pointerenter", "pointerleave", "focusin", "focusout"]) {
      root.addEventListener(name, () => setTimeout(onchange, 0)); // the focus may move on within the list
    }
    root.addEventListener("pointerdown", ({ pointerType }) => pointerType === "touch" && this.#touch());
    for (const name of ["pointerup", "pointercancel"]) {
      root.addEventListener(name, () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => {
          this.#touched = false;
          onchange();
        }, AFTER_TOUCH_MS);
      });
    }
  }

  get active() {
    return this.#touched || this.#hovered || this.#root.querySelector(":focus-visible") !== null;
  }

  /** A finger leaves `:hover` behind where it last touched. */
  get #hovered() {
    return matchMedia("(hover: hover)").matches && this.#root.matches(":hover");
  }

  #touch() {
    clearTimeout(this.#timer);
    this.#touched = true;
  }
}
