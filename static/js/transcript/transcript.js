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
  /** Loaded with the first sub-agent: most agents have none. @type {import("./threads.js").Threads | null} */
  #threads = null;
  #loading = false;

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
    this.#threads = null;
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
      this.#list.prepend(...blocks.map(({ element }) => element));
      this.#blocks.unshift(...blocks);
      this.#rethread();
      for (const block of blocks) block.clear();
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

  /** Scrolls to an entry, unfolding its thread, and returns its element. @param {Entry} entry */
  reveal(entry) {
    if (entry.folded) this.#fold(entry.thread, false);
    return this.#scrollTo(entry);
  }

  #scrollTo(entry) {
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
    const anchor = this.#anchor();
    const block = this.#blocks.find(({ element }) => element === anchor?.parentElement);
    const index = block ? [...block.element.children].indexOf(anchor) : 0;
    this.#autoScroll.keepPlace(
      anchor,
      () => this.#blocks.forEach((one) => one.redraw()),
      () => block?.element.children[index] ?? anchor,
    );
  }

  #flush() {
    if (!this.#queue.length) return;
    const events = this.#queue.splice(0);
    this.#autoScroll.grow(events.length, () => {
      const { entries, extended } = build(events, this.last);
      if (extended) this.#blocks.at(-1).update(extended);
      const threads = this.#threads?.append(entries) ?? new Set();
      const known = this.#blocks.length;
      for (const entry of entries) this.#place(entry, this.#blocks);
      const last = this.#blocks[known - 1];
      if (last && !last.drawn) last.clear();
      this.#add(this.#blocks.slice(known));
      this.#showThreads(threads);
      if (!this.#threads && entries.some(isThreaded)) this.#loadThreads();
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

  async #loadThreads() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      const { Threads } = await import("./threads.js");
      this.#threads = new Threads((thread, heading) => this.#toggle(thread, heading));
      for (const thread of this.#threads.append(this.entries())) thread.show();
      this.redraw();
      const target = [...this.entries()].find((entry) => entry.target);
      if (target) this.reveal(target);
    } catch (error) {
      console.info("Sub-agents are shown without threads:", error.message);
    }
    this.#loading = false;
  }

  /** Entries at the start have come or gone. */
  #rethread() {
    if (this.#threads) this.#showThreads(this.#threads.reset(this.entries()));
    else if ([...this.entries()].some(isThreaded)) this.#loadThreads();
  }

  /** A thread that ends is folded, but not away from under a reader who has scrolled up. */
  #showThreads(threads) {
    for (const thread of threads) {
      if (thread.closing && !this.#autoScroll.following) thread.chosen = true;
      if (thread.show()) this.#refold(thread);
    }
  }

  #toggle(thread, heading) {
    this.#autoScroll.holdStill(heading, () => this.#fold(thread, thread.open));
    if (heading.isConnected) return;
    this.#scrollTo(thread.first).querySelector(".thread-head").focus({ preventScroll: true });
  }

  #fold(thread, folded) {
    thread.chosen = !folded;
    if (thread.show()) this.#refold(thread);
  }

  #refold(thread) {
    for (const block of this.#blocks) if (block.entries.some((entry) => entry.thread === thread)) block.refold();
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
    if (!first) return;
    this.#blocks[0].place(first);
    this.#blocks[0].update(first);
  }

  /** @param {IntersectionObserverEntry[]} changes */
  #moved(changes) {
    // One that crossed the margin twice is reported twice.
    const changing = [...new Map(changes.map((change) => [change.target, change])).values()]
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

  /** The topmost visible element that stays: an entry if possible, otherwise a block, even one that changes. */
  #anchor(changing = new Set()) {
    const { top, bottom } = this.#autoScroll.scroller.getBoundingClientRect();
    const below = ({ element }) => element.getBoundingClientRect().bottom > top + 1;
    const index = firstIndex(this.#blocks, below);
    const stays = this.#blocks.slice(index).find(({ element }) => !changing.has(element));
    const inSight = stays && stays.element.getBoundingClientRect().top < bottom;
    const block = inSight ? stays : this.#blocks[index];
    if (!block?.drawn || changing.has(block.element)) return block?.element;
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
    let threaded = false;
    this.#autoScroll.keepPlace(this.#anchor(), () => {
      while (this.length > most && this.#blocks.length > 1) {
        const dropped = this.#blocks.shift();
        this.length -= dropped.entries.length;
        this.from = dropped.seq;
        this.#drop(dropped);
        threaded ||= dropped.entries.some(isThreaded);
      }
      const [first] = this.#blocks[0].entries;
      first.follow(null);
      this.#blocks[0].place(first);
      if (threaded) this.#rethread();
    });
  }
}

/** @param {Entry} entry */
function isThreaded({ threadId }) {
  return threadId !== undefined;
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
