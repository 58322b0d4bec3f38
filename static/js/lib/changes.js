import { clipped } from "./clip.js";
import { element } from "./dom.js";
import { formatNumber } from "./format.js";
import { visible } from "./visible.js";

/** With more lines than this in total, files are folded. */
const MAX_OPEN_LINES = 60;
/** How many runs of lines are colored; the rest stays plain. */
const MAX_RUNS = 4_000;

/**
 * Changes of files as unified diffs, folded by file.
 * @param {{path: string, patch: string}[]} changes
 * @param {number} lines shown of each file at first
 */
export function changesView(changes, lines) {
  const files = changes.map(({ path, patch }) => ({ path, patch, size: sizeOf(patch) }));
  const total = files.reduce((sum, { size }) => sum + size.lines, 0);
  const open = files.length === 1 || total <= MAX_OPEN_LINES;
  return element("div", { class: "changes" }, ...files.map((file) => fileView(file, open, lines)));
}

/** "+4 −5" @param {{added: number, removed: number}} size */
export function changeCounts({ added, removed }) {
  return element(
    "span",
    { class: "change-counts" },
    element("span", { "data-change": "added", title: "lines added" }, `+${formatNumber(added)}`),
    " ",
    element("span", { "data-change": "removed", title: "lines removed" }, `−${formatNumber(removed)}`),
  );
}

/**
 * One file's unified diff, without the lines that name the file.
 * @param {string} patch
 * @param {number} lines shown at first
 */
export function hunksView(patch, lines) {
  return patchView(patch.slice(Math.max(0, patch.search(/^@@/m))), lines);
}

function patchView(patch, lines) {
  return clipped(patch.replace(/\n$/, ""), { lines, class: "diff", draw: diffNodes });
}

function fileView({ path, patch, size }, open, lines) {
  const details = element(
    "details",
    { class: "change", open },
    element("summary", {}, element("span", { class: "change-path" }, visible(path)), changeCounts(size)),
  );
  const draw = () => {
    if (details.open && details.children.length === 1) {
      details.append(patchView(patch, lines));
    }
  };
  details.addEventListener("toggle", draw);
  draw();
  return details;
}

/** @param {string} patch @returns {{lines: number, added: number, removed: number}} */
export function sizeOf(patch) {
  const kinds = [...kindsOf(patch.replace(/\n$/, "").split("\n"))];
  const count = (kind) => kinds.filter((one) => one === kind).length;
  return { lines: kinds.length, added: count("added"), removed: count("removed") };
}

/** Neighboring lines of a kind share a node. @param {string} patch */
function diffNodes(patch) {
  const lines = patch.split("\n");
  const runs = [];
  let index = 0;
  for (const kind of kindsOf(lines)) {
    const last = runs.at(-1);
    if (last && (last.kind === kind || runs.length > MAX_RUNS)) last.lines.push(lines[index]);
    else runs.push({ kind: runs.length === MAX_RUNS ? undefined : kind, lines: [lines[index]] });
    index++;
  }
  return runs.map(({ kind, lines }) => element("span", { "data-change": kind }, visible(`${lines.join("\n")}\n`)));
}

const KINDS = { "+": "added", "-": "removed", "@": "place", "\\": "header" };

/** Before a file's first hunk, `+++` and `---` name the file. */
function* kindsOf(lines) {
  let inHead = !lines[0]?.startsWith("@@");
  for (const line of lines) {
    if (line.startsWith("@@")) inHead = false;
    yield inHead ? "header" : KINDS[line[0]];
  }
}
