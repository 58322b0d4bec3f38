import { style } from "./entry-view.js";

/** Loads what renders Markdown and calls `redraw`. Until then, or where that fails, messages are shown as they came. */
export async function loadMarkdown(redraw) {
  try {
    style.markdown = await import("./markdown.js");
    redraw();
  } catch (error) {
    console.info("Messages are shown raw:", error.message);
  }
}
