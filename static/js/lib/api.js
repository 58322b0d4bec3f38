/** An API call that failed. `message` can be shown to people. */
class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} [status] of the response, if there was one
   * @param {any} [body] of the response, decoded
   */
  constructor(message, status, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/**
 * Calls the HTTP API as the signed-in user.
 * @param {string} method
 * @param {string} path below `/api`, with its query
 * @param {object} [body]
 * @returns {Promise<any>} the decoded response; null if it is empty
 * @throws {ApiError}
 */
export async function call(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(`/api${path}`, {
    method,
    headers,
    keepalive: method !== "GET",
    body: body && JSON.stringify(body),
  }).catch(() => null);
  if (!response) throw new ApiError("The server can't be reached.");
  const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) {
    const message = answer?.message ?? `The server responded with status ${response.status}.`;
    throw new ApiError(message, response.status, answer);
  }
  return answer;
}

/**
 * Runs `action`, usually one or more calls, and shows an error in `alert`.
 * @template Result
 * @param {HTMLElement} alert hidden unless there is an error
 * @param {() => Promise<Result>} action
 * @param {string} [prefix] comes before the error's message
 * @returns {Promise<Result | null>} null if it failed
 */
export async function showingErrors(alert, action, prefix = "") {
  alert.hidden = true;
  try {
    return await action();
  } catch (error) {
    alert.textContent = `${prefix} ${error.message}`.trim();
    alert.hidden = false;
    return null;
  }
}

function csrfToken() {
  return /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value;
}
