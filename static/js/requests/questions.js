import { element } from "../lib/dom.js";
import { visible } from "../lib/visible.js";

/** The fields for a request's questions: one or several of each question's options, or free text. */
export class Questions {
  #fields;

  /** @param {import("../../../clients/js/agentstream.js").Question[]} questions */
  constructor(questions) {
    this.#fields = questions.map((question, index) => new QuestionField(question, index));
    this.elements = this.#fields.map(({ element }) => element);
  }

  /** By question, as the API expects them. */
  get answers() {
    return Object.fromEntries(this.#fields.map(({ id, given }) => [id, given]));
  }

  /** The first question without an answer. */
  get unanswered() {
    return this.#fields.find(({ given }) => !given.length);
  }

  /** Chooses an option of the only question by its number, from 1; false if there is none. @param {number} number */
  choose(number) {
    return this.#fields.length === 1 && this.#fields[0].choose(number);
  }
}

class QuestionField {
  /** @type {HTMLInputElement[]} */
  #boxes;
  /** @type {HTMLInputElement | undefined} */
  #text;

  /**
   * @param {import("../../../clients/js/agentstream.js").Question} question
   * @param {number} index
   */
  constructor({ id, header, question, options, multiple, free }, index) {
    this.id = id;
    const type = multiple ? "checkbox" : "radio";
    this.#boxes = options.map((option) => element("input", { type, name: `q${index}`, value: option.id }));
    const choices = options.map((option, number) => choice(this.#boxes[number], option));
    if (free || !options.length) {
      const label = `Your answer to: ${visible(question)}`;
      const placeholder = options.length ? "Other…" : "Your answer";
      this.#text = element("input", { type: "text", autocomplete: "off", "aria-label": label, placeholder });
      choices.push(this.#text);
    }
    const hint = multiple ? [element("small", {}, " Choose any number.")] : [];
    const heading = header ? [element("span", { class: "question-header" }, visible(header)), " "] : [];
    const legend = element("legend", {}, ...heading, visible(question), ...hint);
    this.element = element("fieldset", { class: "question" }, legend, ...choices);
    if (!multiple) this.#keepOne();
  }

  /** Ids of options, and a text. */
  get given() {
    const chosen = this.#boxes.filter(({ checked }) => checked).map(({ value }) => value);
    const text = this.#text?.value.trim();
    return text ? [...chosen, text] : chosen;
  }

  focus() {
    (this.#boxes[0] ?? this.#text).focus();
  }

  choose(number) {
    const box = this.#boxes[number - 1];
    box?.click();
    return box !== undefined;
  }

  /** If only one answer is allowed, a text replaces an option, and an option a text. */
  #keepOne() {
    this.#text?.addEventListener("input", () => {
      if (this.#text.value.trim()) for (const box of this.#boxes) box.checked = false;
    });
    for (const box of this.#boxes) box.addEventListener("change", () => this.#text && (this.#text.value = ""));
  }
}

/**
 * @param {HTMLInputElement} box
 * @param {{label: string, description?: string}} option
 */
function choice(box, { label, description }) {
  const more = description ? [element("small", {}, visible(description))] : [];
  return element("label", { class: "choice" }, box, element("span", {}, visible(label), ...more));
}
