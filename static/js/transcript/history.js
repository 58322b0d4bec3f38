import { call } from "../lib/api.js";

/** In events; also the most the server returns. */
const PAGE_SIZE = 1_000;

/**
 * Fetches the page of events that ends with `upTo`. The server may return fewer events than requested, so it is asked again until
 * the page is complete.
 * @param {string} agentId
 * @param {number} upTo a seq
 * @param {number} oldest the seq of the oldest retained event, as far as known
 * @returns {Promise<{events: any[], from: number, oldest: number}>} the events after `from`
 */
export async function earlier(agentId, upTo, oldest) {
  const from = Math.max(oldest - 1, upTo - PAGE_SIZE);
  const events = [];
  let reached = from;
  while (reached < upTo) {
    const page = await fetchPage(agentId, reached, upTo - reached);
    const wanted = page.events.filter(({ seq }) => seq > reached && seq <= upTo);
    if (!page.complete && !events.length && wanted.length) {
      return { events: wanted, from: page.oldest - 1, oldest: page.oldest };
    }
    if (!wanted.length) return { events, from: Math.max(from, page.oldest - 1), oldest: page.oldest };
    events.push(...wanted);
    reached = events.at(-1).seq;
  }
  return { events, from, oldest };
}

/**
 * All retained events after `since`, page by page.
 * @param {string} agentId
 * @param {number} [since]
 * @param {string[]} [types] only events of these types
 */
export async function* pages(agentId, since = 0, types = []) {
  for (;;) {
    const { events, seq } = await fetchPage(agentId, since, PAGE_SIZE, types);
    if (!events.length) return;
    yield { events, seq };
    since = events.at(-1).seq;
    if (since >= seq) return;
  }
}

function fetchPage(agentId, since, limit, types = []) {
  const query = new URLSearchParams([["since", since], ["limit", limit], ...types.map((type) => ["type", type])]);
  return call("GET", `/agents/${agentId}/events?${query}`);
}
