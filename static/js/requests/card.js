import { announce } from "../lib/announce.js";
import { call } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { formatMoment } from "../lib/format.js";
import { visible } from "../lib/visible.js";
import { detailsOf, folderOf } from "./details.js";
import { Note } from "./note.js";
import { Questions } from "./questions.js";
import { isSteady, unwatchPlace, watchPlace } from "./steady.js";
import { KINDS, outcomeText } from "./text.js";

/** The message for a refused answer, by the response's status. */
const REFUSALS = {
  403: "You may no longer answer this agent.",
  404: "This request no longer exists.",
  429: "Too many answers at once. Try again in a moment.",
};
const STILL_MOVING = "This just appeared or moved. Check it, then answer again.";

/**
 * A request to a person, with the exact action. All of it is untrusted and shown as text. An answer counts only after the card has
 * stood still for a moment, so that nothing is answered by accident.
 */
export class RequestCard {
  /** @type {HTMLElement} */
  element;
  /** Its first line. @type {HTMLElement} */
  head;
  /** When it was resolved, in milliseconds since the page was opened. */
  resolvedAt;
  #request;
  #path;
  #form;
  #fields;
  #answers;
  #buttons;
  #text;
  #questions;
  #note;
  #readonly = false;
  /** Called once it is resolved. */
  onresolved = () => {};
  #alert = element("p", { class: "request-trouble", role: "alert", hidden: true });
  #outcome = element("p", { class: "request-outcome", hidden: true });
  #watching = element("p", { class: "request-watching", hidden: true }, "Waiting for an operator");

  /**
   * @param {string} agentId
   * @param {import("../../../clients/js/agentstream.js").AgentRequest & {createdAt?: string}} request
   * @param {{folder?: string}} [options] `folder`: where the agent works, unless the request says so itself
   */
  constructor(agentId, request, { folder } = {}) {
    this.#request = request;
    this.#path = `/agents/${agentId}/requests/${encodeURIComponent(request.requestId)}/answer`;
    this.#form = this.#makeForm();
    const kind = KINDS[request.kind] ?? request.kind;
    const title = visible(request.title);
    this.head = element(
      "div",
      { class: "request-head" },
      element("span", { class: "request-kind" }, kind),
      element("h3", { class: "request-title" }, title),
      ...where(request, folder),
      times(request),
    );
    this.element = element(
      "article",
      { class: "request", tabindex: 0, "data-kind": request.kind, "aria-label": `${kind}: ${title}` },
      this.head,
      element("div", { class: "request-details" }, ...detailsOf(request)),
      this.#form,
      this.#watching,
      this.#outcome,
      this.#alert,
    );
    this.element.addEventListener("keydown", (event) => this.#pressed(event));
    watchPlace(this.#answers, (steady) => this.element.toggleAttribute("data-settling", !steady));
  }

  /** Whether the person may only watch. @param {boolean} readonly */
  set readonly(readonly) {
    this.#readonly = readonly;
    this.#show();
  }

  /**
   * @param {import("../../../clients/js/agentstream.js").Resolution} resolution
   * @param {boolean} [late] whether an answer from here came too late
   */
  resolve(resolution, late = false) {
    if (this.resolvedAt !== undefined && !late) return;
    const focused = this.element.contains(document.activeElement);
    this.resolvedAt ??= performance.now();
    const told = { resolvedAt: new Date().toISOString(), ...resolution };
    this.#outcome.textContent = outcomeText(this.#request, told, late);
    this.#show();
    this.onresolved();
    if (focused) this.element.focus({ preventScroll: true });
    announce(`${visible(this.#request.title)}: ${this.#outcome.textContent}`);
  }

  /** Call this when it is no longer shown. */
  close() {
    unwatchPlace(this.#answers);
    this.element.remove();
  }

  #show() {
    const resolved = this.resolvedAt !== undefined;
    this.element.toggleAttribute("data-resolved", resolved);
    this.#outcome.hidden = !resolved;
    this.#answers.hidden = resolved || this.#readonly || this.#note.open;
    if (resolved || this.#readonly) this.#note.close();
    this.#watching.hidden = resolved || !this.#readonly;
    for (const field of this.#fields) field.disabled = resolved || this.#readonly;
    if (resolved) this.#alert.hidden = true;
  }

  #makeForm() {
    const { options, questions = [], title } = this.#request;
    this.#questions = new Questions(questions);
    const isText = !options.length && !questions.length;
    if (isText) this.#text = element("textarea", { rows: 2, "aria-label": `Your answer to: ${visible(title)}` });
    this.#buttons = options.map((option, index) => this.#optionButton(option, index));
    if (isText || questions.length) {
      this.#buttons.unshift(element("button", { class: "button", type: "submit", "data-effect": "allow" }, "Send"));
    }
    this.#note = this.#makeNote();
    this.#answers = element("div", { class: "request-buttons" }, ...this.#buttons);
    this.#fields = isText ? [this.#text] : this.#questions.elements;
    const parts = [...this.#fields, this.#answers, this.#note.element];
    const form = element("form", { class: "request-answer", novalidate: true }, ...parts);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    return form;
  }

  /** The first option that denies can come with a note; one that answers questions has fields for that. */
  #makeNote() {
    const { options, questions = [] } = this.#request;
    const deny = questions.length ? undefined : options.find(({ effect }) => effect === "deny");
    const note = new Note(visible(deny?.label ?? ""), (text) => this.#answer({ option: deny.id, text }, note.element));
    if (!deny) return note;
    note.ontoggle = () => this.#show();
    this.#buttons.push(note.button);
    return note;
  }

  #optionButton({ id, label, effect }, index) {
    const keys = this.#keysOf(index, effect);
    const button = element(
      "button",
      { class: "button", type: "button", "data-effect": effect, "aria-keyshortcuts": keys.join(" ") },
      element("span", {}, visible(label)),
      element("kbd", { "aria-hidden": "true" }, keys[0]),
    );
    button.addEventListener("click", () => this.#answer({ option: id }));
    return button;
  }

  /** The keys of an option: its number, and before it `y` or `n` for the first that allows or denies. */
  #keysOf(index, effect) {
    const { options } = this.#request;
    const key = { allow: "y", deny: "n" }[effect];
    const first = key !== undefined && options.findIndex((option) => option.effect === effect) === index;
    return [...(first ? [key] : []), ...(index < 9 ? [String(index + 1)] : [])];
  }

  /** Only while the card, and no field in it, has the focus. Here these keys never mean what they mean elsewhere on the page. */
  #pressed(event) {
    if (/^[yn1-9]$/.test(event.key)) event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (event.target.closest("input, textarea, select") || this.#answers.hidden) return;
    const option = this.#request.options.find(({ effect }, index) => this.#keysOf(index, effect).includes(event.key));
    const chosen = !option && /^[1-9]$/.test(event.key) && this.#questions.choose(Number(event.key));
    if (!option && !chosen) return;
    event.preventDefault();
    if (option) this.#answer({ option: option.id });
  }

  #send() {
    if (this.#text) {
      const text = this.#text.value;
      return text.trim() ? this.#answer({ text }) : this.#missing(this.#text);
    }
    const { unanswered } = this.#questions;
    if (unanswered) return this.#missing(unanswered);
    return this.#answer({ answers: this.#questions.answers });
  }

  #missing(field) {
    this.#complain("An answer is missing.");
    field.focus();
  }

  /** @param {any} answer @param {HTMLElement} [place] what was pressed is in it */
  async #answer(answer, place = this.#answers) {
    if (place === this.#answers && !isSteady(place)) return this.#complain(STILL_MOVING);
    this.#alert.hidden = true;
    this.#busy(true);
    try {
      const { resolution } = await call("POST", this.#path, answer);
      this.resolve(resolution);
    } catch (error) {
      if (error.body?.resolution) this.resolve(error.body.resolution, true);
      else this.#complain(REFUSALS[error.status] ?? `Not sent. ${error.message}`);
    }
    this.#busy(false);
  }

  #busy(busy) {
    this.element.setAttribute("aria-busy", String(busy));
    for (const button of this.#form.querySelectorAll("button")) button.disabled = busy;
  }

  #complain(text) {
    if (this.resolvedAt !== undefined) return;
    this.#alert.textContent = text;
    this.#alert.hidden = false;
  }
}

/** @param {{createdAt?: string, expiresAt?: string}} request */
function times({ createdAt, expiresAt }) {
  const asked = createdAt ? [`asked ${formatMoment(createdAt)}`] : [];
  const expires = expiresAt ? [`expires ${formatMoment(expiresAt)}`] : [];
  return element("span", { class: "request-times" }, [...asked, ...expires].join(" · "));
}

/** The tool and its folder. @param {{title: string, tool?: any}} request @param {string} [folder] */
function where({ tool, title }, folder) {
  if (!tool) return [];
  const place = folderOf(tool) ?? folder;
  return [
    ...(title.includes(tool.name) ? [] : [element("span", { class: "request-tool" }, visible(tool.name))]),
    ...(place ? [element("span", { class: "request-folder", title: "Folder" }, visible(place))] : []),
  ];
}
