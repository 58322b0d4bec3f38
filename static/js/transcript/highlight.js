import DOMPurify from "../../vendor/dompurify/dompurify.js";

const LONGEST_CODE = 20_000;
const ALIASES = {
  sh: "bash", shell: "bash", zsh: "bash", console: "bash", golang: "go", js: "javascript", jsx: "javascript", mjs: "javascript",
  jsonc: "json", md: "markdown", patch: "diff", py: "python", rs: "rust", ts: "typescript", tsx: "typescript", html: "xml", svg: "xml",
  yml: "yaml",
};
const LANGUAGES = new Set("bash css diff go java javascript json markdown python rust sql typescript xml yaml".split(" "));
const COLOURS = { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true };

let core;
const grammars = new Map();

/** Colours the code, once the grammar is there; languages without one stay as they are. */
export async function highlight(code, name) {
  const language = ALIASES[name.toLowerCase()] ?? name.toLowerCase();
  const text = code.textContent;
  if (!LANGUAGES.has(language) || text.length > LONGEST_CODE) return;
  try {
    const highlighter = await load(language);
    const { value } = highlighter.highlight(text, { language, ignoreIllegals: true });
    if (code.textContent === text) code.replaceChildren(DOMPurify.sanitize(value, COLOURS));
  } catch {
    // Code without colours is still code.
  }
}

async function load(language) {
  core ??= import("../../vendor/highlight/core.js");
  if (!grammars.has(language)) grammars.set(language, import(`../../vendor/highlight/${language}.js`));
  const [{ default: highlighter }, { default: grammar }] = await Promise.all([core, grammars.get(language)]);
  if (!highlighter.getLanguage(language)) highlighter.registerLanguage(language, grammar);
  return highlighter;
}
