/** Exchanges the token for a ticket, because a browser's WebSocket cannot carry an Authorization header. */
export async function fetchTicket(token, url) {
  const address = new URL("../api/tickets", url);
  address.protocol = address.protocol.replace("ws", "http");
  const response = await fetch(address, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  if (response.status === 401) throw Object.assign(new Error("Token refused"), { closeCode: 4401 });
  if (!response.ok) throw new Error(`No ticket: HTTP ${response.status}`);
  return (await response.json()).ticket;
}
