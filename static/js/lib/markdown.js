import "../../vendor/dompurify/dompurify.js";
import { Marked } from "../../vendor/marked/marked.js";
import { escapeBidi } from "./visible.js";
import { copyButton } from "./copy.js";
import { element } from "./dom.js";
import { openOutside } from "./links.js";

/** The minified library is a script, which defines a global. @type {import("../../vendor/dompurify/dompurify.js").DOMPurify} */
const DOMPurify = /** @type {any} */ (globalThis).DOMPurify;

/** A longer message is shown raw, because parsing it would block the page. In characters. */
export const MAX_MARKDOWN_LENGTH = 20_000;

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start", "align"],
  // Otherwise their values would have to look like addresses.
  ADD_URI_SAFE_ATTR: ["start", "align"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: /** @type {const} */ (true),
};

const MAX_CODE_LENGTH = 20_000;
const ALIASES = {
  sh: "bash",
  shell: "bash",
  zsh: "bash",
  console: "bash",
  golang: "go",
  js: "javascript",
  jsx: "javascript",
  mjs: "javascript",
  jsonc: "json",
  md: "markdown",
  patch: "diff",
  py: "python",
  rs: "rust",
  ts: "typescript",
  tsx: "typescript",
  html: "xml",
  svg: "xml",
  yml: "yaml",
};
const LANGUAGES = new Set(
  "bash css diff go java javascript json markdown python rust sql typescript xml yaml".split(" "),
);
const HIGHLIGHTED = {
  ALLOWED_TAGS: ["span"],
  ALLOWED_ATTR: ["class"],
  RETURN_DOM_FRAGMENT: /** @type {const} */ (true),
};

const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: true,
  // Link definitions would otherwise be hidden.
  tokenizer: { def: () => undefined },
  renderer: {
    // Agents write about markup far more often than they use it.
    html: ({ text }) => escaped(text),
    // Loading an image would tell another server who is reading.
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/**
 * @param {string} text
 * @param {boolean} finished highlights the code
 * @returns {DocumentFragment}
 */
export function markdownNodes(text, finished) {
  const fragment = DOMPurify.sanitize(marked.parse(escapeBidi(text), { async: false }), ALLOWED);
  for (const link of fragment.querySelectorAll("a")) secureLink(link);
  for (const code of fragment.querySelectorAll("pre > code")) frameCode(code, finished);
  for (const table of fragment.querySelectorAll("table")) makeScrollable(table);
  for (const heading of fragment.querySelectorAll("h1, h2, h3, h4, h5, h6")) replaceHeading(heading);
  return fragment;
}

/** The words of a link may name another address than its own, so that is its title. */
function secureLink(link) {
  if (!link.hasAttribute("href")) return link.replaceWith(...link.childNodes);
  if (link.textContent !== link.getAttribute("href")) link.title = link.href;
  openOutside(link);
}

/** Headings in a message must not become part of the page's outline, so they only look like headings. */
function replaceHeading(heading) {
  heading.replaceWith(element("p", { class: `heading heading-${heading.localName[1]}` }, ...heading.childNodes));
}

function makeScrollable(table) {
  const around = element("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Table" });
  table.replaceWith(around);
  around.append(table);
}

function frameCode(code, finished) {
  const language = /language-([\w+#-]+)/.exec(code.className)?.[1] ?? "";
  const pre = code.parentNode;
  const head = element(
    "div",
    { class: "code-head" },
    element("span", {}, language),
    copyButton(code, { class: "code-copy" }),
  );
  const around = element("div", { class: "code-block" }, head);
  pre.replaceWith(around);
  pre.tabIndex = 0;
  around.append(pre);
  if (finished) highlight(code, language);
}

/** Highlights the code once the grammar is loaded; languages without one stay plain. */
async function highlight(code, name) {
  const language = ALIASES[name.toLowerCase()] ?? name.toLowerCase();
  const text = code.textContent;
  if (!LANGUAGES.has(language) || text.length > MAX_CODE_LENGTH) return;
  try {
    const highlighter = await loadHighlighter(language);
    const { value } = highlighter.highlight(text, { language, ignoreIllegals: true });
    if (code.textContent === text) code.replaceChildren(DOMPurify.sanitize(value, HIGHLIGHTED));
  } catch {
    // Plain code is fine, too.
  }
}

async function loadHighlighter(language) {
  const [{ default: highlighter }, { default: grammar }] = await Promise.all(["core", language].map(importHighlight));
  if (!highlighter.getLanguage(language)) highlighter.registerLanguage(language, grammar);
  return highlighter;
}

const importHighlight = (name) => import(`../../vendor/highlight/${name}.js`);
