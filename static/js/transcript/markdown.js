import DOMPurify from "../../vendor/dompurify/dompurify.js";
import { Marked } from "../../vendor/marked/marked.js";
import { element } from "../lib/dom.js";
import { highlight } from "./highlight.js";
import { harmless } from "../lib/ansi.js";

/** Beyond this a message is shown as it came: to parse it would keep the page waiting. */
export const LONGEST_MARKDOWN = 20_000;

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start", "align"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // Agents talk about markup far more often than they mean it.
    html: ({ text }) => escaped(text),
    // A picture would tell another server who is reading.
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** A message as nodes; code is coloured when `finished`. */
export function markdownNodes(text, finished) {
  const fragment = DOMPurify.sanitize(marked.parse(harmless(text)), ALLOWED);
  for (const link of fragment.querySelectorAll("a")) outward(link);
  for (const code of fragment.querySelectorAll("pre > code")) frame(code, finished);
  for (const table of fragment.querySelectorAll("table")) wrap(table);
  for (const heading of fragment.querySelectorAll("h1, h2, h3, h4, h5, h6")) speakAsHeading(heading);
  return fragment;
}

function outward(link) {
  if (!link.hasAttribute("href")) return link.replaceWith(...link.childNodes);
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
}

/** The page's outline belongs to the page: a message's headings only look like some. */
function speakAsHeading(heading) {
  heading.replaceWith(element("p", { class: `heading heading-${heading.localName[1]}` }, ...heading.childNodes));
}

function wrap(table) {
  const around = element("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Table" });
  table.replaceWith(around);
  around.append(table);
}

function frame(code, finished) {
  const language = /language-([\w+#-]+)/.exec(code.className)?.[1] ?? "";
  const pre = code.parentNode;
  const button = element("button", { type: "button", class: "code-copy" }, "Copy");
  button.addEventListener("click", () => copy(code, button));
  const head = element("div", { class: "code-head" }, element("span", {}, language), button);
  const around = element("div", { class: "code-block" }, head);
  pre.replaceWith(around);
  pre.tabIndex = 0;
  around.append(pre);
  if (finished) highlight(code, language);
}

async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1_500);
  } catch {
    getSelection().selectAllChildren(code);
  }
}
