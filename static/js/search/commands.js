import { call } from "../lib/api.js";
import { gridAddress } from "../lib/pins.js";

/** The header has all of them. */
const MAX_AGENTS = 4;

/** @typedef {{name: string, note: string, href?: string, act?: () => void}} Command */

/**
 * The pages and actions that the palette offers, in their order: agents that need the user, workspaces, then what the account menu
 * has.
 * @returns {Promise<Command[]>}
 */
export async function commands() {
  const [needs, workspaces] = await Promise.all([
    call("GET", "/needs").catch(() => ({ agents: [] })),
    call("GET", "/workspaces").catch(() => []),
  ]);
  return [
    ...needs.agents
      .slice(0, MAX_AGENTS)
      .map(({ agentId, name }) => ({ name, note: "needs you", href: `/a/${agentId}/` })),
    { name: "Overview", note: "page", href: "/" },
    { name: "Pinned agents", note: "page", href: gridAddress() },
    ...workspaces.flatMap(ofWorkspace),
    ...[...document.querySelectorAll("#account li > *")].map(ofMenu),
    ...["system", "light", "dark"].map(ofTheme),
    { name: "Sign out", note: "action", act: () => submit("#account form") },
  ];
}

function ofWorkspace({ name, slug }) {
  const pages = { "": "workspace", people: "people", usage: "usage" };
  return Object.entries(pages).map(([path, note]) => ({
    name: path ? `${name}: ${note}` : name,
    note: path ? "page" : note,
    href: `/w/${slug}/${path && `${path}/`}`,
  }));
}

/** @param {any} item a link, or a button */
function ofMenu(item) {
  const name = item.textContent.trim();
  return item.href ? { name, note: "page", href: item.href } : { name, note: "action", act: () => item.click() };
}

function ofTheme(theme) {
  const act = () =>
    /** @type {HTMLInputElement} */ (document.querySelector(`input[name=theme][value=${theme}]`)).click();
  return { name: `Theme: ${theme}`, note: "action", act };
}

const submit = (selector) => /** @type {HTMLFormElement} */ (document.querySelector(selector)).requestSubmit();

/**
 * Those whose names have all of the words.
 * @param {Command[]} all
 * @param {string} words
 */
export function matching(all, words) {
  const wanted = words.toLowerCase().split(/\s+/);
  return all.filter(({ name }) => wanted.every((word) => name.toLowerCase().includes(word)));
}
