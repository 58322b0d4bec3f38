import { stripAnsi } from "../lib/ansi.js";
import { pages } from "./history.js";
import { Outline } from "./outline.js";
import { save } from "./save.js";

/**
 * Saves all retained events of an agent as a file.
 * @param {string} agentId
 * @param {string} name the file's, without its extension
 * @param {"json" | "txt"} format
 * @param {(percent: number) => void} onprogress
 */
export async function download(agentId, name, format, onprogress) {
  const events = [];
  for await (const page of pages(agentId)) {
    events.push(...page.events);
    onprogress(Math.round((100 * events.at(-1).seq) / page.seq));
  }
  const text = format === "json" ? asJson(events) : asText(events);
  save(
    new Blob([text], { type: format === "json" ? "application/json" : "text/plain" }),
    `${fileName(name)}.${format}`,
  );
}

function asJson(events) {
  return `[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n]\n`;
}

/** One paragraph per message, headed by its time and author. @param {any[]} events */
function asText(events) {
  const { added } = new Outline().add(events);
  let last;
  return [...inOrder(added)]
    .map((entry) => {
      const heading = entry.group === last ? "" : `\n[${entry.timestamp}] ${entry.author ?? ""}\n`;
      last = entry.group;
      if (entry.type === "note") return entry.text ? `\n[${entry.timestamp}] · ${entry.text}\n` : "";
      const text = stripAnsi(entry.text);
      return heading + text + (text.endsWith("\n") ? "" : "\n");
    })
    .join("")
    .trimStart();
}

/** Results after their calls, and what a sub-agent says after the call that started it. */
function* inOrder(added, id = undefined) {
  for (const entry of added.get(id) ?? []) {
    yield entry;
    if (entry.thread) yield* inOrder(added, entry.thread.id);
    if (entry.result) yield entry.result;
  }
}

function fileName(name) {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80) || "agent";
}
