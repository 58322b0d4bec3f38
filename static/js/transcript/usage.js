import { call } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { formatCost, formatNumber } from "../lib/format.js";

/** An agent may report with every step, and every viewer asks. */
const MIN_INTERVAL_MS = 5_000;
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** @typedef {{limits?: {name: string, usedPercent: number}[]}} Report */
/**
 * @typedef {{inputTokens?: number, cachedInputTokens?: number, outputTokens?: number, reasoningTokens?: number,
 *   costUsd?: number, estimated?: boolean}} Sums
 */

/** What an agent has used in all its sessions, in brief in the header and in full in the rail. Reports are of one session each, so the server is asked for the sum. */
export class UsageTotal {
  #element;
  #section;
  #agentId;
  #limits = [];
  #timer;
  #askedAt = -Infinity;

  /**
   * @param {HTMLElement} brief
   * @param {HTMLElement} section
   * @param {string} agentId
   */
  constructor(brief, section, agentId) {
    this.#element = brief;
    this.#section = section;
    this.#agentId = agentId;
  }

  /** @param {Report} report the latest one */
  show({ limits = [] }) {
    this.#limits = limits;
    this.#timer ??= setTimeout(() => this.#ask(), this.#askedAt + MIN_INTERVAL_MS - performance.now());
  }

  close() {
    clearTimeout(this.#timer);
  }

  async #ask() {
    this.#timer = undefined;
    this.#askedAt = performance.now();
    const sums = await call("GET", `/agents/${this.#agentId}/usage`).catch(() => null);
    if (sums) this.#draw(sums);
  }

  /** @param {Sums} sums */
  #draw(sums) {
    const text = briefText(sums);
    this.#element.hidden = !text;
    this.#element.textContent = text;
    const lines = [...details(sums), ...this.#limits.map(limitText)];
    this.#section.hidden = !text;
    this.#section.querySelector("ul").replaceChildren(...lines.map((line) => element("li", {}, line)));
    this.#element.title = lines.join("\n");
    this.#element.setAttribute("aria-label", `${text}, used so far: ${this.#element.title.replaceAll("\n", ", ")}`);
  }
}

/** @param {Sums} sums */
function briefText({ inputTokens, outputTokens, costUsd, estimated }) {
  const known = inputTokens !== undefined || outputTokens !== undefined;
  const tokens = known ? `${compact.format((inputTokens ?? 0) + (outputTokens ?? 0))} tokens` : "";
  return [tokens, formatCost(costUsd, estimated)].filter(Boolean).join(" · ");
}

/** @param {Sums} sums */
function details({ inputTokens, cachedInputTokens, outputTokens, reasoningTokens, costUsd, estimated }) {
  const lines = [
    tokensText(inputTokens, "input", cachedInputTokens, "cached"),
    tokensText(outputTokens, "output", reasoningTokens, "reasoning"),
    formatCost(costUsd, estimated),
  ];
  return lines.filter(Boolean);
}

function tokensText(count, what, part, name) {
  if (count === undefined) return "";
  const of = part === undefined ? "" : ` (${formatNumber(part)} ${name})`;
  return `${formatNumber(count)} ${what} tokens${of}`;
}

function limitText({ name, usedPercent }) {
  return `Limit ${name.replaceAll("_", " ")}: ${Math.round(usedPercent)} % used`;
}
