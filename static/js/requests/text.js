import { formatTime } from "../lib/format.js";
import { visible } from "../lib/visible.js";
import { currentUser } from "../lib/workspaces.js";

/** @type {Record<string, string>} */
export const KINDS = { permission: "Permission", question: "Question", plan: "Plan", input: "Input" };

/** What an answer did, by the effect of the chosen option. @type {Record<string, string>} */
const DONE = { allow: "Approved", allow_always: "Always allowed", deny: "Denied" };

/**
 * The announcement of a new request.
 * @param {{kind: string, title: string}} request
 * @param {string} agentName
 */
export function askedText({ kind, title }, agentName) {
  return `${visible(agentName)} asks. ${KINDS[kind] ?? kind}: ${visible(title)}`;
}

/**
 * How a request ended, in one line: "Approved by maria, 04:21".
 * @param {Pick<import("../../../clients/js/agentstream.js").AgentRequest, "options" | "questions">} request
 * @param {import("../../../clients/js/agentstream.js").Resolution & {resolvedAt?: string}} resolution
 * @param {boolean} [late] whether an answer from this page came too late
 */
export function outcomeText(request, resolution, late = false) {
  const text = endText(request, resolution);
  return late ? `${text}. Your answer came too late and was not used` : text;
}

function endText(request, resolution) {
  const { outcome, option, by, resolvedAt } = resolution;
  const at = resolvedAt ? `, ${formatTime(resolvedAt)}` : "";
  if (outcome === "expired") return `Expired: nobody answered in time${at}`;
  if (outcome === "withdrawn") return `Withdrawn: no answer is needed any more${at}`;
  const done = DONE[request.options.find(({ id }) => id === option)?.effect];
  const given = givenText(request, resolution, Boolean(done));
  const who = by === currentUser() ? "you" : visible(by ?? "someone");
  const where = outcome === "answered_elsewhere" ? "at the terminal" : `by ${who}`;
  return `${done ?? "Answered"} ${where}${at}${given ? `: ${given}` : ""}`;
}

/** The labels of the chosen options, unless the outcome says as much, and any free text. */
function givenText({ options, questions }, { option, answers = {}, text }, decided) {
  const labelOf = (choices, id) => choices.find((choice) => choice.id === id)?.label ?? id;
  const given = option === undefined || decided ? [] : [labelOf(options, option)];
  for (const { id, options: choices } of questions ?? Object.keys(answers).map((id) => ({ id, options: [] }))) {
    given.push(...(answers[id] ?? []).map((one) => labelOf(choices, one)));
  }
  if (text) given.push(text);
  return visible(given.join(", "));
}

/** Fields of a tool's input that say what it is used on. */
const OBJECTS = ["command", "file_path", "path", "url", "pattern", "query", "notebook_path"];

/**
 * What a request is about, in one line: the command, the files, the question.
 * @param {any} request
 */
export function summaryOf({ title, body, kind, tool, questions = [] }) {
  if (kind === "plan") return visible(firstLine(body ?? title));
  if (!tool) return visible(firstLine(questions[0]?.question ?? title));
  const { name, input = {}, changes = [] } = tool;
  if (typeof input.command === "string") return `$ ${visible(firstLine(input.command))}`;
  if (changes.length) return `${visible(name)} ${changes.map(({ path }) => visible(path)).join(", ")}`;
  const object = OBJECTS.map((key) => input[key]).find((value) => typeof value === "string");
  return object ? `${visible(name)} ${visible(firstLine(object))}` : visible(firstLine(title));
}

function firstLine(text) {
  const line = text.split("\n").find((one) => one.trim()) ?? "";
  return line.replace(/^#+\s+/, "").trim();
}
