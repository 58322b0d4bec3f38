import { element, oncePerFrame } from "../lib/dom.js";
import { EntryList, firstIndex } from "./entry-list.js";
import { Outline } from "./outline.js";
import { VisibleBlocks } from "./visible-blocks.js";

/** How many entries are kept: while the end is followed, and while the reader has scrolled up. */
const MAX_ENTRIES = 20_000;
const MAX_ENTRIES_SCROLLED = 120_000;

/**
 * What entries need to know of the page that shows them.
 * @typedef {object} Reader
 * @property {(thread: import("./thread.js").Thread, heading: HTMLElement) => void} toggle
 * @property {typeof import("./thread-view.js").ThreadView | null} ThreadView loaded with the first sub-agent: most agents have none
 * @property {(entry: Entry) => string} sessionText how a session's heading reads
 */
/** @typedef {import("./entry.js").Entry} Entry */

/** The entries after `from`, up to the stream's newest event. All are kept in memory; only those near the visible part are drawn. */
export class Transcript {
  /** The seq that the first entry follows, and that of the newest event. */
  from = 0;
  seq = 0;
  #autoScroll;
  #onchange;
  #maxEntries;
  #outline = new Outline();
  #queue = [];
  #render = oncePerFrame(() => this.#flush());
  #reader;
  #seen;
  #list;

  /**
   * @param {HTMLElement} container
   * @param {import("./auto-scroll.js").AutoScroll} autoScroll
   * @param {object} [options]
   * @param {() => void} [options.onchange] called when entries or `from` have changed
   * @param {number} [options.maxEntries]
   * @param {Reader["sessionText"]} [options.sessionText]
   */
  constructor(
    container,
    autoScroll,
    { onchange = () => {}, maxEntries = MAX_ENTRIES, sessionText = ({ text }) => text } = {},
  ) {
    this.#autoScroll = autoScroll;
    this.#onchange = onchange;
    this.#maxEntries = maxEntries;
    /** @type {Reader} */
    this.#reader = { ThreadView: null, sessionText, toggle: (thread, heading) => this.#toggle(thread, heading) };
    this.#seen = new VisibleBlocks(
      autoScroll.scroller,
      (changing, change) => autoScroll.keepPlace(this.#anchor(changing), change),
      (block) => this.#mayClear(block),
    );
    this.#list = new EntryList(container, this.#reader, this.#seen);
  }

  get length() {
    return [...this.#outline.threads.values()].reduce((sum, { count }) => sum + count, this.#list.length);
  }

  get full() {
    return this.length >= MAX_ENTRIES_SCROLLED;
  }

  /** Each sub-agent's entries after the call that started it. @returns {Generator<Entry>} */
  *entries(list = this.#list) {
    for (const entry of list.entries()) {
      yield entry;
      if (entry.thread?.list) yield* this.entries(entry.thread.list);
    }
  }

  /** The events whose changes of files and sessions it shows. */
  changes() {
    const kept = [...this.entries()].filter(({ variant, payload }) => variant === "session" || payload.changes);
    return kept.map(({ eventType, payload, firstSeq }) => ({ type: eventType, payload, seq: firstSeq }));
  }

  /** Empties it. @param {number} from */
  reset(from) {
    this.from = this.seq = from;
    this.#queue = [];
    this.#outline = new Outline();
    this.#list.clear();
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
    const past = new Outline();
    const { added } = past.add(events);
    this.#autoScroll.keepPlace(this.#anchor(), () => {
      const { adopted, gone, changed } = this.#outline.recall(past);
      for (const entry of gone) this.#listOf(entry)?.remove(entry);
      const hidden = new Set(gone);
      for (const thread of adopted) this.#open(thread);
      for (const [id, entries] of added) this.#prependTo(this.#listOf({ threadId: id }), entries, hidden);
      for (const entry of changed) this.#update(entry);
      for (const id of added.keys()) this.#outline.lasts.set(id, this.#listOf({ threadId: id }).last);
    });
    this.from = from;
    this.#loadThreads();
    this.#onchange();
  }

  /** What a list has kept, because a sub-agent outlives its call here, comes again with the events before. */
  #prependTo(list, entries, hidden) {
    const held = [];
    while (list.first?.type === "subagent") {
      held.push(list.first);
      list.remove(list.first);
    }
    const known = list.first?.firstSeq ?? Infinity;
    const fresh = entries.filter((entry) => entry.firstSeq < known && !hidden.has(entry));
    list.prepend([...held, ...fresh].sort((one, other) => one.firstSeq - other.firstSeq));
  }

  /** The entry that contains the event `seq`, or else the one after it. @param {number} seq */
  at(seq) {
    let next;
    let inside;
    for (const entry of this.entries()) {
      if (entry.covers(seq)) return entry;
      if (entry.result?.covers(seq)) inside ??= entry;
      if (entry.firstSeq > seq && !(entry.firstSeq > next?.firstSeq) && !entry.hidden) next = entry;
    }
    return inside ?? next;
  }

  /** Scrolls to an entry, unfolding what it is in and itself, and returns its element. @param {Entry} entry */
  reveal(entry) {
    entry.open = true;
    for (const thread of this.#around(entry)) this.#fold(thread, false);
    const element = this.#scrollTo(entry);
    this.#update(entry);
    return element;
  }

  /** The element of an entry, if it is drawn. @param {Entry} entry */
  elementOf(entry) {
    return this.#listOf(entry)?.blockOf(entry)?.elementOf(entry);
  }

  /** The topmost entry in sight, drawn. */
  get atTop() {
    return this.#anchorIn(this.#list, this.#autoScroll.scroller.getBoundingClientRect(), new Set())?.entry;
  }

  /** The entry `step` after this one that is shown. @param {Entry} entry @param {1 | -1} step */
  beside(entry, step) {
    const shown = [...this.entries()].filter((one) => !one.hidden && this.#around(one).every(({ open }) => open));
    return shown[shown.indexOf(entry) + step];
  }

  /** Draws an entry and scrolls as far as needed to see it. @param {Entry} entry */
  draw(entry) {
    const block = this.#listOf(entry).blockOf(entry);
    block?.draw();
    return block?.elementOf(entry);
  }

  redraw() {
    this.#autoScroll.keepPlace(this.#anchor(), () => {
      for (const list of this.#lists) list.redraw();
    });
  }

  /** The headings of sessions have changed. */
  redrawSessions() {
    for (const entry of this.#list.entries()) if (entry.variant === "session") this.#update(entry);
  }

  get #lists() {
    return [this.#list, ...[...this.#outline.threads.values()].map(({ list }) => list)];
  }

  /** @param {{threadId?: string}} entry */
  #listOf({ threadId }) {
    return threadId === undefined ? this.#list : this.#outline.threads.get(threadId)?.list;
  }

  /** The threads that an entry is in, the innermost first. */
  #around(entry) {
    const threads = [];
    for (let { threadId } = entry; threadId !== undefined; { threadId } = threads.at(-1).host) {
      const thread = this.#outline.threads.get(threadId);
      if (!thread || threads.includes(thread)) break;
      threads.push(thread);
    }
    return threads;
  }

  #scrollTo(entry) {
    for (const thread of this.#around(entry).reverse()) this.draw(thread.host);
    const found = this.draw(entry);
    if (found) this.#autoScroll.show(found);
    return found ?? null;
  }

  #flush() {
    if (!this.#queue.length) return;
    const events = this.#queue.splice(0);
    const following = this.#autoScroll.following;
    const anchor = following ? () => undefined : this.#anchor();
    this.#autoScroll.grow(events.length, anchor, () => {
      const { added, changed } = this.#outline.add(events);
      for (const thread of this.#outline.threads.values()) if (!thread.list) this.#open(thread);
      for (const [id, entries] of added) this.#listOf({ threadId: id }).append(entries, following);
      for (const entry of changed) this.#update(entry);
    });
    this.seq = events.at(-1).seq;
    this.#loadThreads();
    this.#trim();
    this.#onchange();
  }

  async #loadThreads() {
    if (this.#reader.ThreadView || !this.#outline.threads.size) return;
    ({ ThreadView: this.#reader.ThreadView } = await import("./thread-view.js"));
    this.redraw();
    const target = [...this.entries()].find((entry) => entry.target);
    if (target) this.reveal(target);
  }

  /** Gives a sub-agent a list of its own. */
  #open(thread) {
    thread.list = new EntryList(element("div", { class: "entries" }), this.#reader, this.#seen);
  }

  #update(entry) {
    if (entry.thread && !this.#autoScroll.following) this.#keepOpen(entry.thread);
    this.#listOf(entry)?.blockOf(entry)?.update(entry);
  }

  /** A thread that ends is folded, but not away from under a reader who has scrolled up. */
  #keepOpen(thread) {
    if (thread.shown && !thread.open && thread.chosen === null) thread.chosen = true;
  }

  #toggle(thread, heading) {
    this.#autoScroll.holdStill(
      () => heading,
      () => this.#fold(thread, thread.open),
    );
  }

  #fold(thread, folded) {
    thread.chosen = !folded;
    this.#update(thread.host);
  }

  /** Selected text must not vanish from the selection, and the last block must be drawn when it grows. */
  #mayClear(block) {
    const selection = document.getSelection();
    const selected = !selection.isCollapsed && selection.containsNode(block.element, true);
    return !selected && block !== this.#list.blocks.at(-1);
  }

  /** Finds the topmost visible element that stays, now and after a change: an entry's if possible, otherwise a block's. */
  #anchor(changing = new Set()) {
    const found = this.#anchorIn(this.#list, this.#autoScroll.scroller.getBoundingClientRect(), changing);
    if (!found) return () => undefined;
    const { entry, block } = found;
    return () => (entry && block.elementOf(entry)) ?? block.element;
  }

  #anchorIn(list, sight, changing) {
    const { top, bottom } = sight;
    const below = (one) => one.getBoundingClientRect().bottom > top + 1;
    const index = firstIndex(list.blocks, (block) => below(block.element));
    const stays = list.blocks.slice(index).find((block) => !changing.has(block.element));
    const inSight = stays && stays.element.getBoundingClientRect().top < bottom;
    const block = inSight ? stays : list.blocks[index];
    if (!block?.drawn || changing.has(block.element)) return block && { block };
    const entry = block.entries.find((one) => below(block.elementOf(one)));
    const inner = entry?.thread?.open ? entry.thread.list : null;
    if (inner?.element.isConnected && inner.element.getBoundingClientRect().top < top) {
      return this.#anchorIn(inner, sight, changing) ?? { block, entry };
    }
    return { block, entry };
  }

  #trim() {
    const most = this.#autoScroll.following ? this.#maxEntries : Math.max(MAX_ENTRIES_SCROLLED, this.#maxEntries);
    if (this.length <= most) return;
    this.#autoScroll.keepPlace(this.#anchor(), () => {
      while (this.length > most && this.#drop(oldestOf(this.#lists)));
    });
  }

  /** Drops a list's oldest block. A sub-agent whose call was in it keeps its place as long as it has entries. */
  #drop(list) {
    if (!list) return false;
    const dropped = [];
    while (list.blocks.length > 1 && !dropped.some(isDroppable)) dropped.push(...list.shift().entries);
    this.from = Math.max(this.from, ...dropped.filter(isDroppable).map(({ seq }) => seq));
    for (const entry of dropped) this.#outline.forget(entry, this.from);
    const left = dropped.filter(({ thread }) => thread?.list.length);
    this.#list.prepend(left.map(({ thread }) => this.#outline.holdPlace(thread)));
    return dropped.some(isDroppable);
  }
}

/** A sub-agent that is shown in the place of its call stays as long as it has entries. */
const isDroppable = ({ type, thread }) => type !== "subagent" || !thread?.list.length;

/** Of those that can do without their first block, the one whose next entry to drop is the oldest. */
function oldestOf(lists) {
  const ages = lists
    .filter(({ blocks }) => blocks.length > 1)
    .map((list) => ({ list, seq: list.blocks.find(({ entries }) => entries.some(isDroppable))?.seq ?? Infinity }));
  return ages.sort((one, other) => one.seq - other.seq)[0]?.list;
}
