import { sizeOf } from "../lib/changes.js";
import { formatNumber, plural } from "../lib/format.js";

/** How many parts of a path are shown. */
const PATH_PARTS = 3;
const MAX_BRIEF = 300;

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {"running" | "done" | "failed" | "over"} ToolState */

/** @type {Record<ToolState, string>} */
export const STATES = { running: "Running", done: "Done", failed: "Failed", over: "No result" };

/** @param {Entry} entry @returns {ToolState} */
export function stateOf({ result, over, thread }) {
  if (thread?.running) return "running";
  if (result) return result.isError ? "failed" : "done";
  return over ? "over" : "running";
}

/**
 * A tool call in one line: what it is, what it is about, what came of it.
 * @param {Entry} entry
 * @returns {{name: string, brief: string, title?: string, facts: string[]}}
 */
export function toolText(entry) {
  const { toolKind, toolInput = {}, toolName } = entry.payload;
  const input = typeof toolInput === "object" && toolInput ? toolInput : {};
  const text = (BY_KIND[toolKind] ?? other)(entry, input, nameOf(toolName));
  const { durationMs } = entry.result ?? {};
  const facts = [...text.facts, durationMs === undefined ? "" : seconds(durationMs)].filter(Boolean);
  return { ...text, brief: text.brief.slice(0, MAX_BRIEF), facts };
}

const BY_KIND = {
  execute(entry, input, name) {
    const command = commandOf(entry, input);
    const code = exitCode(entry.result);
    return {
      name: command ? "" : name,
      brief: command ? `$ ${command.trim().split("\n").join(" ⏎ ")}` : "",
      title: text(input.description),
      facts: [code ? `exit ${code}` : ""],
    };
  },
  read: (entry, input, name) => ({ name, ...place(input, entry), facts: [lineCount(entry.result)] }),
  edit: (entry, input, name) => ({ name, ...editPlace(entry, input), facts: [] }),
  search(entry, input, name) {
    const where = text(input.path) ?? text(input.include) ?? text(input.glob);
    const what = text(input.pattern) ?? text(input.query) ?? entry.text;
    return { name, brief: where ? `${what} in ${shortPath(where)}` : what, facts: [foundCount(entry.result)] };
  },
  fetch(entry, input, name) {
    const address = text(input.url) ?? "";
    const title = /^\s*(?:#\s+|title:\s*)(\S.*)$/im.exec(entry.result?.text.slice(0, 2_000) ?? "")?.[1];
    return {
      name,
      brief: [hostOf(address) ?? entry.text, title].filter(Boolean).join(" · "),
      title: address,
      facts: [],
    };
  },
};

function other(entry, input, name) {
  const first = Object.values(input).find((value) => typeof value === "string" && value.trim());
  const brief = text(input.description) ?? first ?? (Object.keys(input).length ? "" : entry.text);
  return { name, brief: brief.trim().split("\n", 1)[0], facts: [] };
}

/** The command that a call runs. @param {Entry} entry @param {any} input */
export function commandOf(entry, input) {
  if (Array.isArray(input.command)) return input.command.map(String).join(" ");
  return text(input.command) ?? text(input.cmd) ?? (Object.keys(input).length ? "" : entry.text);
}

/** The exit code that tools append to a command's output, or begin it with. @param {Entry | null} [result] */
export function exitCode(result) {
  if (!result) return undefined;
  const found =
    /^Exit code:? (-?\d{1,9})\b/.exec(result.text) ?? /\(?exit code:? (-?\d{1,9})\)?\s*$/i.exec(result.text.slice(-80));
  return found?.[1];
}

/** "jira · create_issue" of "mcp__jira__create_issue". @param {string} [name] */
function nameOf(name = "Tool") {
  return name.startsWith("mcp__") ? name.slice(5).replace("__", " · ") : name;
}

const text = (value) => (typeof value === "string" && value ? value : undefined);

function place(input, entry) {
  const path = text(input.file_path) ?? text(input.filePath) ?? text(input.notebook_path) ?? text(input.path);
  return path ? { brief: shortPath(path), title: path } : { brief: entry.text };
}

function editPlace(entry, input) {
  const paths = (entry.payload.changes ?? []).map(({ path }) => path);
  if (!paths.length) return place(input, entry);
  return { brief: paths.length > 1 ? plural(paths.length, "file") : shortPath(paths[0]), title: paths.join("\n") };
}

/** The end of a path says more than its beginning. @param {string} path */
function shortPath(path) {
  const parts = path.split("/").filter(Boolean);
  return parts.length > PATH_PARTS ? `…/${parts.slice(-PATH_PARTS).join("/")}` : path;
}

function hostOf(address) {
  return URL.canParse(address) ? new URL(address).host : undefined;
}

function linesOf(result) {
  const content = result.text.trimEnd();
  return content && content !== "(no output)" ? content.split("\n") : [];
}

function lineCount(result) {
  return result && !result.isError ? plural(linesOf(result).length, "line") : "";
}

/** What a search says it has found, or how many lines it printed. */
function foundCount(result) {
  if (!result || result.isError) return "";
  const lines = linesOf(result);
  const told = /^Found (\d+) (\w+)/.exec(lines[0] ?? "");
  if (told) return plural(Number(told[1]), told[2].replace(/s$/, ""));
  return /^No /.test(lines[0] ?? "") ? "none" : plural(lines.length, "line");
}

/** Lines added and removed by all changes. @param {{patch: string}[]} changes */
export function sizeOfChanges(changes) {
  const sizes = changes.map(({ patch }) => sizeOf(patch));
  const sum = (key) => sizes.reduce((total, size) => total + size[key], 0);
  return { added: sum("added"), removed: sum("removed") };
}

/** "0.4 s", "12 s", "3 min". @param {number} milliseconds */
function seconds(milliseconds) {
  if (milliseconds < 100) return "";
  if (milliseconds < 100_000) return `${(milliseconds / 1_000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
  return `${formatNumber(Math.round(milliseconds / 60_000))} min`;
}
