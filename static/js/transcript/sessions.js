import { call } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { formatCost, formatDuration, formatShort } from "../lib/format.js";
import { visible } from "../lib/visible.js";
import { pages } from "./history.js";

/** How many are offered; older ones are reached by scrolling. */
const MAX_LISTED = 100;
/** An agent may report usage with every step. */
const MIN_INTERVAL_MS = 5_000;
const CHANGES = { resumed: "resumed", cleared: "cleared" };
const OUTCOMES = {
  error: "failed",
  user_stopped: "stopped by a user",
  lost: "runner lost",
};

/** The sessions of an agent: what their headings in the transcript say, and a menu that leads to them. */
export class Sessions {
  #agentId;
  #button;
  #list;
  #onchange;
  /** @type {Map<string, any>} */
  #known = new Map();
  #timer;
  #askedAt = -Infinity;

  /**
   * @param {string} agentId
   * @param {{button: HTMLElement, list: HTMLElement}} menu
   * @param {() => void} onchange called when headings read differently
   */
  constructor(agentId, { button, list }, onchange) {
    this.#agentId = agentId;
    this.#button = button;
    this.#list = list;
    this.#onchange = onchange;
    list.addEventListener("click", () => list.hidePopover());
  }

  /** Takes note that sessions may have changed. */
  changed() {
    this.#timer ??= setTimeout(() => this.#fetch(), this.#askedAt + MIN_INTERVAL_MS - performance.now());
  }

  /** @param {import("./entry.js").Entry} entry where a session starts or goes on */
  headingOf({ payload: { session, change, title }, text }) {
    const known = this.#known.get(session);
    if (!known) return text;
    const name = [`Session ${known.number}`, CHANGES[change]].filter(Boolean).join(" ");
    return [name, title ?? known.title, ...facts(known)].filter(Boolean).join(" · ");
  }

  async #fetch() {
    this.#timer = undefined;
    this.#askedAt = performance.now();
    try {
      const { sessions } = await call("GET", `/agents/${this.#agentId}/sessions?limit=${MAX_LISTED}`);
      const exits = sessions.length ? await this.#exits() : [];
      this.#known = new Map(sessions.map((session) => [session.session, { ...session, exit: exitOf(session, exits) }]));
    } catch {
      return; // the next change tries again
    }
    this.#draw();
    this.#onchange();
  }

  async #exits() {
    const exits = [];
    for await (const { events } of pages(this.#agentId, 0, ["agent:terminated"])) exits.push(...events);
    return exits;
  }

  #draw() {
    const links = [...this.#known.values()].map((session) => {
      const name = element("strong", {}, `Session ${session.number}`);
      const title = session.title ? element("span", {}, visible(session.title)) : "";
      const about = element("small", {}, facts(session).join(" · "));
      return element("li", {}, element("a", { href: `#${session.firstSeq}` }, name, " ", title, " ", about));
    });
    this.#list.replaceChildren(element("ol", {}, ...links));
    this.#button.hidden = this.#known.size < 2;
    const [newest] = this.#known.values();
    if (newest) this.#button.textContent = `Session ${newest.number}`;
  }
}

/** When it began, how long it took, how it ended and what it cost. */
function facts({ startedAt, endedAt, outcome, exit, usage }) {
  const began = new Date(startedAt);
  const took = endedAt ? formatDuration((Date.parse(endedAt) - began.getTime()) / 1_000) : "";
  return [formatShort(began), took, endedText(outcome, exit), formatCost(usage.costUsd, usage.estimated)].filter(
    Boolean,
  );
}

function endedText(outcome, exit) {
  if (typeof exit?.exitCode === "number") return `exit ${exit.exitCode}`;
  return OUTCOMES[outcome] ?? exit?.signal ?? "";
}

/** The end of the process in this session, whether before or right after the session's own. */
function exitOf({ firstSeq, lastSeq, endedAt }, exits) {
  const within = endedAt && exits.find(({ seq }) => seq >= firstSeq && seq <= lastSeq + 2);
  return within ? within.payload : undefined;
}
