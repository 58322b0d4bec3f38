import { oncePerFrame } from "../lib/dom.js";
import { Block } from "./block.js";
import { Entry } from "./entry.js";

/** How many entries are kept: while the end is followed, and while the reader has scrolled up. */
const MAX_ENTRIES = 20_000;
const MAX_ENTRIES_SCROLLED = 120_000;
/** Blocks this far outside the visible part are drawn, so that they are ready when the reader scrolls. */
const DRAW_MARGIN = "1500px 0px";
const CHARACTER_WIDTH_PX = 8;

/** The entries after `from`, up to the stream's newest event. All are kept in memory; only those near the visible part are drawn. */
export class Transcript {
  /** The seq that the first entry follows. */
  from = 0;
  length = 0;
  #list;
  #autoScroll;
  #onchange;
  #maxEntries;
  /** @type {Block[]} */
  #blocks = [];
  /** @type {WeakMap<Element, Block>} */
  #blockOfElement = new WeakMap();
  #queue = [];
  #render = oncePerFrame(() => this.#flush());
  #nearby;

  /**
   * @param {HTMLElement} list
   * @param {import("./auto-scroll.js").AutoScroll} autoScroll
   * @param {{onchange?: () => void, maxEntries?: number}} [options] `onchange` is called when entries or `from` have changed
   */
  constructor(list, autoScroll, { onchange = () => {}, maxEntries = MAX_ENTRIES } = {}) {
    this.#list = list;
    this.#autoScroll = autoScroll;
    this.#onchange = onchange;
    this.#maxEntries = maxEntries;
    const options = { root: autoScroll.scroller, rootMargin: DRAW_MARGIN };
    this.#nearby = new IntersectionObserver((changes) => this.#moved(changes), options);
  }

  get full() {
    return this.length >= MAX_ENTRIES_SCROLLED;
  }

  /** @returns {Entry | undefined} */
  get last() {
    return this.#blocks.at(-1)?.entries.at(-1);
  }

  /** @returns {Generator<Entry>} */
  *entries() {
    for (const block of this.#blocks) yield* block.entries;
  }

  /** Empties it. @param {number} from */
  reset(from) {
    this.from = from;
    this.length = 0;
    this.#blocks = [];
    this.#queue = [];
    this.#nearby.disconnect();
    this.#list.replaceChildren();
    this.#onchange();
  }

  /** @param {any} event */
  append(event) {
    this.#queue.push(event);
    this.#render();
  }

  /** Adds the events after `from`, up to the current start, at the front. @param {any[]} events @param {number} from */
  prepend(events, from) {
    this.#flush();
    const blocks = [];
    for (const entry of build(events).entries) this.#place(entry, blocks);
    this.#autoScroll.keepPlace(this.#anchor(), () => {
      this.#join(blocks.at(-1)?.entries.at(-1));
      for (const block of blocks) block.clear();
      this.#list.prepend(...blocks.map(({ element }) => element));
      this.#blocks.unshift(...blocks);
      for (const { element } of blocks) this.#nearby.observe(element);
    });
    this.#count();
    this.from = from;
    this.#onchange();
  }

  /** The entry that contains the event `seq`, or the one after it. @param {number} seq */
  at(seq) {
    const block = this.#blocks.find((one) => one.seq >= seq);
    return block?.entries.find((entry) => entry.seq >= seq);
  }

  /** Scrolls to an entry and returns its element. @param {Entry} entry */
  reveal(entry) {
    const block = this.#blockOf(entry);
    if (!block) return null;
    block.draw();
    const element = block.elementOf(entry);
    this.#autoScroll.show(element);
    return element;
  }

  /** The element of an entry, if it is drawn. @param {Entry} entry */
  elementOf(entry) {
    return this.#blockOf(entry)?.elementOf(entry);
  }

  redraw() {
    this.#autoScroll.keepPlace(this.#anchor(), () => this.#blocks.forEach((block) => block.redraw()));
  }

  #flush() {
    if (!this.#queue.length) return;
    const events = this.#queue.splice(0);
    this.#autoScroll.grow(events.length, () => {
      const { entries, extended } = build(events, this.last);
      if (extended) this.#blocks.at(-1).update(extended);
      const known = this.#blocks.length;
      for (const entry of entries) this.#place(entry, this.#blocks);
      const last = this.#blocks[known - 1];
      if (last && !last.drawn) last.clear();
      this.#add(this.#blocks.slice(known));
    });
    this.#count();
    this.#trim();
    this.#onchange();
  }

  /** Adds new blocks at the end. If the end is followed, the last one is about to be visible. */
  #add(blocks) {
    for (const block of blocks) block.clear();
    if (this.#autoScroll.following) blocks.at(-1)?.draw();
    this.#list.append(...blocks.map(({ element }) => element));
    for (const { element } of blocks) this.#nearby.observe(element);
  }

  #place(entry, blocks) {
    if (!blocks.length || blocks.at(-1).full) blocks.push(this.#newBlock());
    blocks.at(-1).push(entry);
  }

  #newBlock() {
    const block = new Block(Math.max(20, this.#list.clientWidth / CHARACTER_WIDTH_PX));
    this.#blockOfElement.set(block.element, block);
    return block;
  }

  /** Joins the current start to `earlier`, the entry before it. */
  #join(earlier) {
    const [block] = this.#blocks;
    if (!block || !earlier) return;
    if (earlier.merge(block.entries[0])) block.shift();
    if (!block.entries.length) this.#drop(this.#blocks.shift());
    const [first] = this.#blocks[0]?.entries ?? [];
    first?.follow(earlier);
    if (first) this.#blocks[0].place(first);
  }

  /** @param {IntersectionObserverEntry[]} changes */
  #moved(changes) {
    const changing = changes
      .map(({ target, isIntersecting, boundingClientRect: { height } }) => ({
        block: this.#blockOfElement.get(target),
        isIntersecting,
        height,
      }))
      .filter(
        ({ block, isIntersecting }) => block.drawn !== isIntersecting && (isIntersecting || this.#mayClear(block)),
      );
    if (!changing.length) return;
    const elements = new Set(changing.map(({ block }) => block.element));
    this.#autoScroll.keepPlace(this.#anchor(elements), () => {
      for (const { block, isIntersecting, height } of changing) {
        if (isIntersecting) block.draw();
        else block.clear(height);
      }
    });
  }

  /** Selected text must not vanish from the selection, and the last block must be drawn when it grows. */
  #mayClear(block) {
    const selection = document.getSelection();
    const selected = !selection.isCollapsed && selection.containsNode(block.element, true);
    return !selected && block !== this.#blocks.at(-1);
  }

  /** The topmost visible element that stays: an entry if possible, otherwise a block. */
  #anchor(changing = new Set()) {
    const top = this.#autoScroll.scroller.getBoundingClientRect().top;
    const below = ({ element }) => element.getBoundingClientRect().bottom > top + 1;
    const index = firstIndex(this.#blocks, below);
    const block = this.#blocks.slice(index).find(({ element }) => !changing.has(element)) ?? this.#blocks[index];
    if (!block?.drawn) return block?.element;
    return [...block.element.children].find((element) => below({ element })) ?? block.element;
  }

  #blockOf(entry) {
    return this.#blocks.find((block) => block.seq >= entry.seq);
  }

  #count() {
    this.length = this.#blocks.reduce((sum, block) => sum + block.entries.length, 0);
  }

  #drop(block) {
    this.#nearby.unobserve(block.element);
    block.element.remove();
  }

  #trim() {
    const most = this.#autoScroll.following ? this.#maxEntries : Math.max(MAX_ENTRIES_SCROLLED, this.#maxEntries);
    if (this.length <= most) return;
    this.#autoScroll.keepPlace(this.#anchor(), () => {
      while (this.length > most && this.#blocks.length > 1) {
        const dropped = this.#blocks.shift();
        this.length -= dropped.entries.length;
        this.from = dropped.seq;
        this.#drop(dropped);
      }
      const [first] = this.#blocks[0].entries;
      first.follow(null);
      this.#blocks[0].place(first);
    });
  }
}

/** Turns `events` into the entries after `last`; `extended` is `last` if they continued it. */
function build(events, last) {
  const entries = [];
  let extended = null;
  for (const event of events) {
    const previous = entries.at(-1) ?? last;
    if (previous?.extend(event)) {
      if (previous === last) extended = last;
      continue;
    }
    const entry = new Entry(event);
    entry.follow(previous ?? null);
    entries.push(entry);
  }
  return { entries, extended };
}

/** The index of the first item that passes, if all after it pass too. */
function firstIndex(items, passes) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
