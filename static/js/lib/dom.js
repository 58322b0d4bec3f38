/** Builds an element. Children are nodes or text, never markup: what agents write is not to be trusted. */
export function element(name, attributes = {}, ...children) {
  const built = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) built.setAttribute(key, value === true ? "" : value);
  }
  built.append(...children);
  return built;
}

/** Makes the children of `parent` be `wanted`, moving only what is out of place, so that focus and animations survive. */
export function arrange(parent, wanted) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

/** Handles a form's submissions. Its button comes disabled: before this, the browser would send the form itself and reload the page. */
export function onSubmit(form, handle) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    handle();
  });
  form.querySelector("[type=submit]").disabled = false;
}

export function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
