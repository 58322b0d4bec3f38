import { element } from "../lib/dom.js";
import { visible } from "../lib/visible.js";

const STATES = { completed: "Done", in_progress: "In progress", pending: "To do" };

/** The agent's plan as a checklist that stays in sight, whatever the transcript shows. */
export class Plan {
  #details;

  /** @param {HTMLDetailsElement} details */
  constructor(details) {
    this.#details = details;
  }

  /** @param {{entries: {content: string, status: string}[]} | undefined} plan */
  show(plan) {
    const steps = plan?.entries ?? [];
    this.#details.hidden = !steps.length;
    const done = steps.filter(({ status }) => status === "completed").length;
    const now = steps.find(({ status }) => status === "in_progress") ?? steps[done];
    const summary = element(
      "summary",
      {},
      element("strong", {}, "Plan"),
      ` ${done} of ${steps.length} `,
      element("span", { class: "plan-now" }, now ? visible(now.content) : "Done"),
    );
    this.#details.replaceChildren(summary, element("ol", {}, ...steps.map(stepView)));
  }
}

function stepView({ content, status }) {
  const state = element("span", { class: "visually-hidden" }, `${STATES[status] ?? status}: `);
  return element("li", { "data-step": status }, state, visible(content));
}
