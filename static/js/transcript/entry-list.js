import { Block } from "./block.js";

const CHARACTER_WIDTH_PX = 8;

/** Entries in order, in blocks: those of an agent, or of one of its sub-agents. */
export class EntryList {
  length = 0;
  /** @type {Block[]} */
  blocks = [];
  #reader;
  #seen;

  /**
   * @param {HTMLElement} container
   * @param {import("./transcript.js").Reader} reader
   * @param {import("./visible-blocks.js").VisibleBlocks} seen which blocks are near the visible part
   */
  constructor(container, reader, seen) {
    this.element = container;
    this.#reader = reader;
    this.#seen = seen;
  }

  /** @returns {import("./entry.js").Entry | undefined} */
  get first() {
    return this.blocks[0]?.entries[0];
  }

  /** @returns {import("./entry.js").Entry | undefined} */
  get last() {
    return this.blocks.at(-1)?.entries.at(-1);
  }

  /** @returns {Generator<import("./entry.js").Entry>} */
  *entries() {
    for (const block of this.blocks) yield* block.entries;
  }

  /**
   * @param {import("./entry.js").Entry[]} entries the next ones
   * @param {boolean} drawn whether the last of them are about to be visible
   */
  append(entries, drawn) {
    const known = this.blocks.length;
    for (const entry of entries) this.#place(entry, this.blocks);
    const last = this.blocks[known - 1];
    if (last && !last.drawn) last.clear();
    const added = this.blocks.slice(known);
    for (const block of added) block.clear();
    if (drawn) added.at(-1)?.draw();
    this.element.append(...added.map((block) => block.element));
    this.#seen.watch(added);
    this.length += entries.length;
  }

  /** @param {import("./entry.js").Entry[]} entries those before the first */
  prepend(entries) {
    const blocks = [];
    for (const entry of entries) this.#place(entry, blocks);
    this.length += entries.length;
    this.#join(entries.at(-1));
    this.element.prepend(...blocks.map((block) => block.element));
    this.blocks.unshift(...blocks);
    for (const block of blocks) block.clear();
    this.#seen.watch(blocks);
  }

  /** @param {import("./entry.js").Entry} entry */
  remove(entry) {
    const block = this.blockOf(entry);
    if (!block) return;
    const { first } = this;
    block.remove(entry);
    this.length--;
    if (!block.entries.length) this.#drop(block);
    if (first === entry) this.#join(null);
  }

  /** Removes the oldest block and returns it. */
  shift() {
    const [block] = this.blocks;
    this.length -= block.entries.length;
    this.#drop(block);
    this.#join(null);
    return block;
  }

  clear() {
    for (const block of [...this.blocks]) this.#drop(block);
    this.length = 0;
  }

  redraw() {
    for (const block of this.blocks) block.redraw();
  }

  /** @param {import("./entry.js").Entry} entry */
  blockOf(entry) {
    const block = this.blocks[firstIndex(this.blocks, ({ seq }) => seq >= entry.seq)];
    return block?.entries.includes(entry) ? block : undefined;
  }

  #place(entry, blocks) {
    if (!blocks.length || blocks.at(-1).full) blocks.push(this.#newBlock());
    blocks.at(-1).push(entry);
  }

  #newBlock() {
    return new Block(Math.max(20, this.element.clientWidth / CHARACTER_WIDTH_PX), this.#reader);
  }

  /** Joins the start to the entry before it, if there is one now. */
  #join(earlier) {
    const { first } = this;
    if (!first) return;
    const [block] = this.blocks;
    if (earlier?.merge(first)) {
      block.remove(first);
      this.length--;
      if (!block.entries.length) this.#drop(block);
      return this.#join(earlier);
    }
    first.follow(earlier);
    block.place(first);
    block.update(first);
    return undefined;
  }

  #drop(block) {
    this.blocks.splice(this.blocks.indexOf(block), 1);
    this.#seen.forget(block);
    block.element.remove();
  }
}

/** The index of the first item that passes, if all after it pass too. */
export function firstIndex(items, passes) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
