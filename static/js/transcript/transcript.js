import { Block } from "./block.js";
import { Entry } from "./entry.js";
import { oncePerFrame } from "../lib/follow-workspace.js";

/** How many entries are remembered: what anybody reads on the way, and all there can be while somebody is reading. */
const KEPT = 20_000;
const KEPT_WHILE_READING = 120_000;
/** How far outside the visible part blocks are drawn, so that scrolling finds them ready. */
const MARGIN = "1500px 0px";
const CHARACTER = 8;

/**
 * The entries from after `from` to the stream's newest event. All are remembered; drawn are those near what the reader sees.
 * `follower` keeps the reader's place; `onchange` is told when entries or `from` changed.
 */
export class Transcript {
  /** The seq after which the first entry begins. */
  from = 0;
  length = 0;
  #list;
  #follower;
  #onchange;
  #kept;
  #blocks = [];
  #arrived = [];
  #render = oncePerFrame(() => this.#flush());
  #near;

  constructor(list, follower, { onchange = () => {}, kept = KEPT } = {}) {
    this.#list = list;
    this.#follower = follower;
    this.#onchange = onchange;
    this.#kept = kept;
    this.#near = new IntersectionObserver((seen) => this.#moved(seen), { root: follower.scroller, rootMargin: MARGIN });
  }

  get full() {
    return this.length >= KEPT_WHILE_READING;
  }

  get last() {
    return this.#blocks.at(-1)?.entries.at(-1);
  }

  *entries() {
    for (const block of this.#blocks) yield* block.entries;
  }

  reset(from) {
    this.from = from;
    this.length = 0;
    this.#blocks = [];
    this.#arrived = [];
    this.#near.disconnect();
    this.#list.replaceChildren();
    this.#onchange();
  }

  append(event) {
    this.#arrived.push(event);
    this.#render();
  }

  /** Puts the events after `from`, up to the present beginning, in front. */
  prepend(events, from) {
    this.#flush();
    const blocks = [];
    for (const entry of build(events).entries) this.#place(entry, blocks);
    this.#follower.keepPlace(this.#anchor(), () => {
      this.#join(blocks.at(-1)?.entries.at(-1));
      for (const block of blocks) block.clear();
      this.#list.prepend(...blocks.map(({ element }) => element));
      this.#blocks.unshift(...blocks);
      for (const { element } of blocks) this.#near.observe(element);
    });
    this.#count();
    this.from = from;
    this.#onchange();
  }

  /** The entry that holds the event `seq`, or the one after it. */
  at(seq) {
    const block = this.#blocks.find((one) => one.seq >= seq);
    return block?.entries.find((entry) => entry.seq >= seq);
  }

  /** Brings an entry into view; its element. */
  reveal(entry) {
    const block = this.#blockOf(entry);
    if (!block) return null;
    block.draw();
    const element = block.viewOf(entry);
    this.#follower.show(element);
    return element;
  }

  /** The element of an entry, while it is drawn. */
  elementOf(entry) {
    return this.#blockOf(entry)?.viewOf(entry);
  }

  redraw() {
    this.#follower.keepPlace(this.#anchor(), () => this.#blocks.forEach((block) => block.redraw()));
  }

  #flush() {
    if (!this.#arrived.length) return;
    const events = this.#arrived.splice(0);
    this.#follower.grow(events.length, () => {
      const { entries, extended } = build(events, this.last);
      if (extended) this.#blocks.at(-1).update(extended);
      const known = this.#blocks.length;
      for (const entry of entries) this.#place(entry, this.#blocks);
      const last = this.#blocks[known - 1];
      if (last && !last.drawn) last.clear();
      this.#show(this.#blocks.slice(known));
    });
    this.#count();
    this.#trim();
    this.#onchange();
  }

  /** New blocks at the end: the last is about to be seen if the end is followed. */
  #show(blocks) {
    for (const block of blocks) block.clear();
    if (this.#follower.following) blocks.at(-1)?.draw();
    this.#list.append(...blocks.map(({ element }) => element));
    for (const { element } of blocks) this.#near.observe(element);
  }

  #place(entry, blocks) {
    if (!blocks.length || blocks.at(-1).full) blocks.push(new Block(Math.max(20, this.#list.clientWidth / CHARACTER)));
    blocks.at(-1).push(entry);
  }

  /** Joins the present beginning to `earlier`, the entry before it. */
  #join(earlier) {
    const [block] = this.#blocks;
    if (!block || !earlier) return;
    if (earlier.absorb(block.entries[0])) block.shift();
    if (!block.entries.length) this.#drop(this.#blocks.shift());
    const [first] = this.#blocks[0]?.entries ?? [];
    first?.follow(earlier);
    if (first) this.#blocks[0].place(first);
  }

  #moved(seen) {
    const changing = seen.filter(({ target, isIntersecting }) => target.block.drawn !== isIntersecting && (isIntersecting || this.#mayClear(target.block)));
    if (!changing.length) return;
    const targets = new Set(changing.map(({ target }) => target));
    this.#follower.keepPlace(this.#anchor(targets), () => {
      for (const { target, isIntersecting, boundingClientRect } of changing) {
        if (isIntersecting) target.block.draw();
        else target.block.clear(boundingClientRect.height);
      }
    });
  }

  /** What the reader has selected must not vanish under the selection; the newest must be there when it grows. */
  #mayClear(block) {
    const selection = document.getSelection();
    const selected = !selection.isCollapsed && selection.containsNode(block.element, true);
    return !selected && block !== this.#blocks.at(-1);
  }

  /** The topmost thing in view that will still be there: best an entry, else a block. */
  #anchor(changing = new Set()) {
    const top = this.#follower.scroller.getBoundingClientRect().top;
    const below = ({ element }) => element.getBoundingClientRect().bottom > top + 1;
    const index = bisect(this.#blocks, below);
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
    this.#near.unobserve(block.element);
    block.element.remove();
  }

  #trim() {
    const most = this.#follower.following ? this.#kept : Math.max(KEPT_WHILE_READING, this.#kept);
    if (this.length <= most) return;
    this.#follower.keepPlace(this.#anchor(), () => {
      while (this.length > most && this.#blocks.length > 1) {
        const gone = this.#blocks.shift();
        this.length -= gone.entries.length;
        this.from = gone.seq;
        this.#drop(gone);
      }
      const [first] = this.#blocks[0].entries;
      first.follow(null);
      this.#blocks[0].place(first);
    });
  }
}

/** The entries that `events` make after `last`, and whether they continued that one. */
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

/** The first index whose item passes, where all after it pass too. */
function bisect(items, passes) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
