import { call, showingErrors } from "../lib/api.js";
import { element } from "../lib/dom.js";

const KINDS = { permission: "Permission", question: "Question", plan: "Plan", input: "Input" };

/** What a person is asked, with exactly what would be done. All of it is text from outside, and is shown as text. */
export class RequestCard {
  /** @type {HTMLElement} */
  element;
  #request;
  #path;
  #form;
  #alert;
  #outcome;

  /**
   * @param {string} agentId
   * @param {import("../../../clients/js/agentstream.js").AgentRequest} request
   */
  constructor(agentId, request) {
    this.#request = request;
    this.#path = `/agents/${agentId}/requests/${encodeURIComponent(request.requestId)}/answer`;
    this.#alert = element("p", { class: "request-trouble", role: "alert", hidden: true });
    this.#outcome = element("p", { class: "request-outcome", role: "status", hidden: true });
    this.#form = element("form", { class: "request-answer" }, ...this.#fields());
    const title = visible(request.title);
    this.element = element(
      "article",
      { class: "request", tabindex: 0, "data-kind": request.kind, "aria-label": `${KINDS[request.kind]}: ${title}` },
      element("h2", {}, element("span", { class: "request-kind" }, KINDS[request.kind] ?? request.kind), ` ${title}`),
      ...(request.body ? [element("div", { class: "request-body" }, visible(request.body))] : []),
      ...(request.tool ? toolParts(request.tool) : []),
      this.#form,
      this.#outcome,
      this.#alert,
    );
    this.element.addEventListener("keydown", (event) => this.#pressed(event));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#answer(this.#filled());
    });
  }

  /** @param {import("../../../clients/js/agentstream.js").Resolution} resolution */
  resolve(resolution) {
    this.element.toggleAttribute("data-resolved", true);
    this.#form.hidden = this.#alert.hidden = true;
    this.#outcome.hidden = false;
    this.#outcome.textContent = visible(outcomeText(this.#request, resolution));
  }

  #fields() {
    const { options, questions = [] } = this.#request;
    const fields = questions.map((question, index) => questionField(question, index));
    if (this.#isText) fields.push(element("textarea", { name: "text", rows: 2, "aria-label": "Your answer" }));
    const buttons = options.map((option, index) => this.#optionButton(option, index));
    if (fields.length) buttons.unshift(element("button", { class: "button primary", type: "submit" }, "Send"));
    return [...fields, element("div", { class: "request-buttons" }, ...buttons)];
  }

  get #isText() {
    return !this.#request.options.length && !this.#request.questions?.length;
  }

  #optionButton({ id, label, effect }, index) {
    const style = effect.startsWith("allow") ? "primary" : effect === "deny" ? "danger" : "";
    const button = element("button", { class: `button ${style}`, type: "button" }, visible(label));
    button.title = `Key ${index + 1}`;
    button.addEventListener("click", () => this.#answer({ option: id }));
    return button;
  }

  /** Only while the card itself is focused, so that nothing is answered by accident. */
  #pressed(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const option = this.#optionOf(event.key);
    if (!option || this.#form.hidden) return;
    event.preventDefault();
    event.stopPropagation();
    this.#answer({ option: option.id });
  }

  #optionOf(key) {
    const { options } = this.#request;
    if (key === "y") return options.find(({ effect }) => effect === "allow");
    if (key === "n") return options.find(({ effect }) => effect === "deny");
    return /^[1-9]$/.test(key) ? options[Number(key) - 1] : undefined;
  }

  #filled() {
    const filled = new FormData(this.#form);
    if (this.#isText) return { text: String(filled.get("text")) };
    const answers = (this.#request.questions ?? []).map(({ id }, index) => {
      const given = [...filled.getAll(`q${index}`), ...filled.getAll(`t${index}`)].map(String);
      return [id, given.filter((text) => text.trim())];
    });
    return { answers: Object.fromEntries(answers) };
  }

  async #answer(answer) {
    const buttons = this.#form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    const answered = await showingErrors(this.#alert, () => call("POST", this.#path, answer), "Not sent.");
    for (const button of buttons) button.disabled = false;
    if (answered) this.resolve(answered.resolution);
  }
}

function questionField({ header, question, options, multiple, free }, index) {
  const choices = options.map(({ id, label, description }) => {
    const box = element("input", { type: multiple ? "checkbox" : "radio", name: `q${index}`, value: id });
    const more = description ? [element("small", {}, ` ${visible(description)}`)] : [];
    return element("label", {}, box, ` ${visible(label)}`, ...more);
  });
  if (free || !options.length) {
    choices.push(element("input", { type: "text", name: `t${index}`, "aria-label": `Your answer to: ${question}` }));
  }
  const title = header ? `${visible(header)}: ${visible(question)}` : visible(question);
  return element("fieldset", {}, element("legend", {}, title), ...choices);
}

function toolParts({ name, input, changes = [] }) {
  const { command, ...rest } = input;
  const parts = [element("p", { class: "request-tool" }, visible(name))];
  if (typeof command === "string") parts.push(element("pre", { class: "request-command" }, visible(command)));
  const others = typeof command === "string" ? rest : input;
  for (const { path, patch } of changes) parts.push(element("p", {}, visible(path)), diff(patch));
  if (Object.keys(others).length) {
    const whole = element("pre", {}, visible(JSON.stringify(others, null, 2)));
    parts.push(element("details", { open: !changes.length }, element("summary", {}, "Input"), whole));
  }
  return parts;
}

function diff(patch) {
  const lines = patch.split("\n").map((line) => {
    const change = { "+": "added", "-": "removed", "@": "place" }[line[0]];
    return element("span", { "data-change": change }, `${visible(line)}\n`);
  });
  return element("pre", { class: "request-diff" }, ...lines);
}

/**
 * @param {import("../../../clients/js/agentstream.js").AgentRequest} request
 * @param {import("../../../clients/js/agentstream.js").Resolution} resolution
 */
function outcomeText({ options }, { outcome, option, text, by }) {
  const label = options.find(({ id }) => id === option)?.label ?? text;
  const what = label ? `: ${label}` : "";
  if (outcome === "answered") return `${by ?? "Somebody"} answered${what}`;
  if (outcome === "answered_elsewhere") return `Answered at the terminal${what}`;
  return outcome === "expired" ? "Expired: nobody answered in time" : "No longer asked";
}

/** Characters that reorder or hide text are named, so that what is read is what would be done. */
function visible(text) {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
}
