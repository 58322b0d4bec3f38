import { visible } from "../lib/visible.js";
import { currentUser } from "../lib/workspaces.js";

/** @type {Record<string, string>} */
export const KINDS = { permission: "Permission", question: "Question", plan: "Plan", input: "Input" };

/**
 * The announcement of a new request.
 * @param {{kind: string, title: string}} request
 * @param {string} agentName
 */
export function askedText({ kind, title }, agentName) {
  return `${visible(agentName)} asks. ${KINDS[kind] ?? kind}: ${visible(title)}`;
}

/**
 * How a request ended, as a sentence.
 * @param {Pick<import("../../../clients/js/agentstream.js").AgentRequest, "options" | "questions">} request
 * @param {import("../../../clients/js/agentstream.js").Resolution} resolution
 * @param {boolean} [late] whether an answer from this page came too late
 */
export function outcomeText(request, resolution, late = false) {
  const text = endText(request, resolution, late);
  return late ? `${text} Your answer was not used.` : text;
}

function endText(request, resolution, late) {
  const { outcome, by } = resolution;
  const given = givenText(request, resolution);
  const what = given ? `: ${given}` : "";
  if (outcome === "answered_elsewhere") return `Answered at the terminal${what}.`;
  if (outcome === "expired") return "Expired: nobody answered in time.";
  if (outcome !== "answered") return "Withdrawn: no answer is needed any more.";
  const who = by === currentUser() ? "You" : visible(by ?? "Someone");
  return `${who} answered${late ? " first" : ""}${what}.`;
}

/** The labels of the chosen options, and any free text. */
function givenText({ options, questions }, { option, answers = {}, text }) {
  const labelOf = (choices, id) => choices.find((choice) => choice.id === id)?.label ?? id;
  const given = option === undefined ? [] : [labelOf(options, option)];
  for (const { id, options: choices } of questions ?? Object.keys(answers).map((id) => ({ id, options: [] }))) {
    given.push(...(answers[id] ?? []).map((one) => labelOf(choices, one)));
  }
  if (text) given.push(text);
  return visible(given.join(", "));
}
