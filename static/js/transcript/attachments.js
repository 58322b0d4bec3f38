import { element } from "../lib/dom.js";
import { formatNumber } from "../lib/format.js";
import { visible } from "../lib/visible.js";
import { save } from "./save.js";

/** @typedef {{id: string, name: string, mediaType: string, size: number}} Attachment */

/** What the server lets a browser show; it saves anything else. */
const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/**
 * The files that an entry names: images as they are, others as links.
 * @param {Attachment[]} attachments
 * @returns {HTMLElement}
 */
export function attachmentsView(attachments) {
  return element("div", { class: "attachments" }, ...attachments.map(attachmentView));
}

/** @param {Attachment} attachment */
function attachmentView({ id, name, mediaType, size }) {
  const shown = visible(name);
  const isImage = IMAGES.has(mediaType);
  const link = element("a", {
    class: isImage ? "attachment-image" : "attachment-file",
    href: `/api/attachments/${encodeURIComponent(id)}`,
    target: "_blank",
    rel: "noopener",
    title: `${shown} · ${sizeText(size)}`,
  });
  link.append(isImage ? imageOf(link, shown) : `${shown} · ${sizeText(size)}`);
  if (!isImage) link.addEventListener("click", (event) => fetchFile(event, link, shown));
  return link;
}

/** Saves a file, instead of leading to an error page if it was deleted with its events. */
async function fetchFile(event, link, name) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const answer = await fetch(link.href).catch(() => null);
  if (answer?.status === 404) return link.replaceWith(gone(name));
  if (!answer?.ok) return void open(link.href, "_blank", "noopener");
  save(await answer.blob(), name);
}

const gone = (name) => element("span", { class: "attachment-file" }, `${name} · no longer stored`);

/** Lazy, so that what scrolls by isn't fetched. What was deleted with its events leaves a text. */
function imageOf(link, name) {
  const image = element("img", { alt: name, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => {
    link.replaceWith(gone(name));
  });
  image.src = link.href;
  return image;
}

/** "512 bytes", "12 KB", "1.5 MB". @param {number} bytes */
function sizeText(bytes) {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${formatNumber(Math.round(bytes / 1_000))} KB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
