import { changesView } from "../lib/changes.js";
import { clipped } from "../lib/clip.js";
import { element } from "../lib/dom.js";
import { visible } from "../lib/visible.js";

/** How many lines of each part are shown at first. */
const LINES = 16;
/** A plan should be read in full. */
const PLAN_LINES = 60;

/**
 * What a request is about: its text, and the exact action.
 * @param {import("../../../clients/js/agentstream.js").AgentRequest} request
 * @returns {HTMLElement[]}
 */
export function detailsOf({ kind, body, tool }) {
  const text = body ? [kind === "plan" ? planView(body) : bodyView(body)] : [];
  return [...text, ...(tool ? toolViews(tool, body) : [])];
}

const bodyView = (body) => clipped(body, { lines: LINES, class: "request-body" });

/** A plan is Markdown, shown as source until it can be rendered. */
function planView(body) {
  const plan = element("div", { class: "request-plan" }, clipped(body, { lines: PLAN_LINES, class: "request-body" }));
  import("../lib/markdown.js")
    .then(({ MAX_MARKDOWN_LENGTH, markdownNodes }) => {
      if (body.length > MAX_MARKDOWN_LENGTH) return;
      plan.classList.add("markdown");
      plan.replaceChildren(markdownNodes(visible(body), true));
    })
    .catch(() => {}); // the source is fine, too
  return plan;
}

/** The folder in a tool's input. */
export function folderOf({ input }) {
  return [input.cwd, input.workdir].find((value) => typeof value === "string");
}

/** The command first, then its description, then what happens to files, then the rest of the tool's input. */
function toolViews({ input, changes = [] }, body) {
  const { command, description } = input;
  const said = new Set(["cwd", "workdir"].filter((key) => input[key] === folderOf({ input })));
  const views = [];
  const say = (key, value, view) => typeof value === "string" && said.add(key) && views.push(view(value));
  say("command", command, (text) => clipped(text, { lines: LINES, class: "request-command" }));
  if (description !== body) say("description", description, bodyView);
  if (changes.length) views.push(changesView(changes, LINES));
  const rest = Object.entries(input).filter(([key, value]) => !said.has(key) && value !== body);
  if (!rest.length) return views;
  const fields = element("dl", { class: "fields request-input" }, ...rest.flatMap(fieldView));
  // The input repeats what a diff shows.
  return [...views, changes.length ? folded("Input", fields) : fields];
}

function fieldView([key, value]) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return [element("dt", {}, visible(key)), element("dd", {}, clipped(text, { lines: LINES }))];
}

const folded = (title, content) => element("details", {}, element("summary", {}, title), content);
