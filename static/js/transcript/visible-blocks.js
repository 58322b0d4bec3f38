/** Blocks this far outside the visible part are drawn, so that they are ready when the reader scrolls. */
const DRAW_MARGIN = "1500px 0px";

/** Draws the blocks that come near the visible part, and clears those that leave it. */
export class VisibleBlocks {
  /** @type {WeakMap<Element, import("./block.js").Block>} */
  #blocks = new WeakMap();
  #observer;
  #keepPlace;
  #mayClear;

  /**
   * @param {HTMLElement} scroller
   * @param {(changing: Set<Element>, change: () => void) => void} keepPlace changes elements without moving what is read
   * @param {(block: import("./block.js").Block) => boolean} mayClear
   */
  constructor(scroller, keepPlace, mayClear) {
    this.#keepPlace = keepPlace;
    this.#mayClear = mayClear;
    const options = { root: scroller, rootMargin: DRAW_MARGIN };
    this.#observer = new IntersectionObserver((changes) => this.#moved(changes), options);
  }

  /** @param {import("./block.js").Block[]} blocks */
  watch(blocks) {
    for (const block of blocks) {
      this.#blocks.set(block.element, block);
      this.#observer.observe(block.element);
    }
  }

  /** @param {import("./block.js").Block} block */
  forget(block) {
    this.#observer.unobserve(block.element);
  }

  /** @param {IntersectionObserverEntry[]} changes */
  #moved(changes) {
    // One that crossed the margin twice is reported twice.
    const changing = [...new Map(changes.map((change) => [change.target, change])).values()]
      .map(({ target, isIntersecting, boundingClientRect: { height } }) => ({
        block: this.#blocks.get(target),
        isIntersecting,
        height,
      }))
      .filter(
        ({ block, isIntersecting }) => block.drawn !== isIntersecting && (isIntersecting || this.#mayClear(block)),
      );
    if (!changing.length) return;
    this.#keepPlace(new Set(changing.map(({ block }) => block.element)), () => {
      for (const { block, isIntersecting, height } of changing) {
        if (isIntersecting) block.draw();
        // What is no longer on the page, because it is in a block that was cleared or folded, has no height of its own.
        else block.clear(height || undefined);
      }
    });
  }
}
