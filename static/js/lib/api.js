/** Calls the HTTP API as whoever is signed in. Throws an Error whose message can be shown, with the `status` if there was an answer. */
export async function call(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value };
  const response = await fetch(`/api${path}`, { method, headers, body: body && JSON.stringify(body) }).catch(() => null);
  if (!response) throw new Error("The server could not be reached.");
  const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(answer.message ?? `The server answered ${response.status}.`), { status: response.status });
  return answer;
}
