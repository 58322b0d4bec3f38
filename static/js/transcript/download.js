import { stripAnsi } from "../lib/ansi.js";
import { Entry } from "./entry.js";
import { pages } from "./history.js";

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
  const entries = [];
  for (const event of events) {
    if (!entries.at(-1)?.extend(event)) entries.push(new Entry(event));
  }
  let last;
  return entries
    .map((entry) => {
      const heading = entry.group === last ? "" : `\n[${entry.timestamp}] ${entry.author ?? ""}\n`;
      last = entry.group;
      if (entry.type === "note") return `\n[${entry.timestamp}] · ${entry.text}\n`;
      const text = stripAnsi(entry.text);
      return heading + text + (text.endsWith("\n") ? "" : "\n");
    })
    .join("")
    .trimStart();
}

function fileName(name) {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80) || "agent";
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
