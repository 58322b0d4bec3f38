const PAGE = 1_000;

/**
 * The events before those after `upTo`: `{events, from, oldest}`, where `from` is the seq they follow.
 * One page of the server's may hold less than was asked for, so it is asked until the gap is closed.
 */
export async function earlier(agentId, upTo, oldest) {
  const from = Math.max(oldest - 1, upTo - PAGE);
  const events = [];
  let reached = from;
  while (reached < upTo) {
    const page = await fetchPage(agentId, reached, upTo - reached);
    const wanted = page.events.filter(({ seq }) => seq > reached && seq <= upTo);
    if (!page.complete && !events.length && wanted.length) return { events: wanted, from: page.oldest - 1, oldest: page.oldest };
    if (!wanted.length) return { events, from: Math.max(from, page.oldest - 1), oldest: page.oldest };
    events.push(...wanted);
    reached = events.at(-1).seq;
  }
  return { events, from, oldest };
}

/** Every event that is kept, from `since` on, page by page; of some types alone where these are named. */
export async function* pages(agentId, since = 0, types = []) {
  for (;;) {
    const { events, seq } = await fetchPage(agentId, since, PAGE, types);
    if (!events.length) return;
    yield { events, seq };
    since = events.at(-1).seq;
    if (since >= seq) return;
  }
}

async function fetchPage(agentId, since, limit, types = []) {
  const query = new URLSearchParams([["since", since], ["limit", limit], ...types.map((type) => ["type", type])]);
  const response = await fetch(`/api/agents/${agentId}/events?${query}`);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}
