import { Channel } from "./channel.js";
import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Subscription } from "./subscription.js";

/** Refusals that are about the moment, not about the request. */
const TEMPORARY = new Set(["RATE_LIMITED", "UNAVAILABLE"]);
const ASK_AGAIN_AFTER = 2_000;

/** Every stream that a front end follows, over one connection that is kept alive. The public face is agentstream.d.ts. */
export class AgentStream extends Emitter {
  #state = "connecting";
  #retryAt = null;
  #url;
  #ticket;
  #connection;
  #channels = new Map();
  #behind = new Set();
  /** Unanswered requests of the present connection, by message id. */
  #requests = new Map();
  #lastId = 0;

  constructor(url = "/ws/", { ticket, token, WebSocket = globalThis.WebSocket, timing } = {}) {
    super();
    if (!WebSocket) throw new TypeError("There is no global WebSocket here: pass one as options.WebSocket (npm's ws will do).");
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#ticket = ticket ?? (token && (() => exchange(token, this.#url)));
    this.#connection = new Connection({
      address: () => this.#address(),
      onopen: () => this.#opened(),
      onmessages: (messages) => this.#received(messages),
      onchange: () => this.#refresh(),
      WebSocket,
      timing,
    });
    this.#connection.start();
  }

  get state() {
    return this.#state;
  }

  get retryAt() {
    return this.#retryAt;
  }

  get closeCode() {
    return this.#connection.closeCode;
  }

  agent(id, from) {
    return this.#subscribe("agent", id, from);
  }

  workspace(id, from) {
    return this.#subscribe("workspace", id, from);
  }

  retry() {
    this.#connection.wake();
  }

  close() {
    this.#connection.close();
  }

  async #address() {
    const address = new URL(this.#url);
    if (this.#ticket) address.searchParams.set("ticket", await this.#ticket());
    return address.href;
  }

  #subscribe(type, id, from) {
    const key = keyOf(type, id);
    if (!this.#channels.has(key)) this.#channels.set(key, new Channel(type, id));
    const channel = this.#channels.get(key);
    const subscription = new Subscription(channel, from, {
      onclose: () => this.#leave(channel, subscription),
      onresume: () => this.#catchUp(channel),
    });
    channel.subscriptions.add(subscription);
    if (this.#state === "closed") this.#end(channel, [subscription], closedFor(this.closeCode));
    // To ask without `since` moves nobody's place, so it is the right question for one that starts from now.
    else this.#ask(channel, [subscription], subscription.seq === undefined ? undefined : channel.hindmost);
    this.#refresh();
    return subscription;
  }

  #ask(channel, asking, from) {
    const id = ++this.#lastId;
    if (from) channel.moving = id;
    this.#track(channel);
    if (!this.#connection.open) return;
    this.#requests.set(id, { channel, asking, since: from?.seq });
    const payload = { ...identity(channel), since: from?.seq, at: from?.at };
    this.#connection.send({ id, type: `subscribe:${channel.type}`, payload });
  }

  #catchUp(channel) {
    if (!channel.moving && channel.subscriptions.size) this.#ask(channel, [], channel.hindmost);
  }

  #leave(channel, subscription) {
    if (this.#remove(channel, subscription)) {
      this.#connection.send({ type: `unsubscribe:${channel.type}`, payload: identity(channel) });
    }
    this.#refresh();
  }

  /** True when that was the channel's last subscription. */
  #remove(channel, subscription) {
    const last = channel.subscriptions.delete(subscription) && !channel.subscriptions.size;
    if (last) this.#channels.delete(keyOf(channel.type, channel.id));
    this.#track(channel);
    return last;
  }

  #end(channel, subscriptions, error) {
    for (const subscription of subscriptions) {
      this.#remove(channel, subscription);
      subscription.end(error);
    }
  }

  #opened() {
    this.#requests = new Map();
    for (const channel of this.#channels.values()) {
      channel.reset();
      this.#ask(channel, [...channel.subscriptions], channel.hindmost);
    }
    this.#refresh();
  }

  #received(messages) {
    for (const message of messages) {
      if (message.seq !== undefined) this.#event(message);
      else if (message.type === "subscribed") this.#subscribed(message);
      else if (message.type === "unsubscribed") this.#unsubscribed(message);
      else if (message.type === "error") this.#refused(message);
    }
    this.#refresh();
  }

  #event(event) {
    const [type] = event.type.split(":");
    const channel = this.#channels.get(keyOf(type, event.payload[`${type}Id`]));
    if (!channel) return;
    if (channel.receive(event)) this.#catchUp(channel);
    this.#track(channel);
  }

  #subscribed(message) {
    const { channel, asking, since } = this.#settle(message) ?? {};
    if (!channel) return;
    if (channel.moving === message.id) channel.moving = undefined;
    channel.answered(message, since, asking);
    this.#track(channel);
  }

  #unsubscribed(message) {
    const { type, id, reason } = message.payload;
    const channel = this.#channels.get(keyOf(type, id));
    // "requested" echoes our own leaving, and may arrive after somebody has subscribed anew.
    if (!channel || reason === "requested") return;
    const subscriptions = [...channel.subscriptions];
    subscriptions.forEach((one) => one.emit("unsubscribed", message.payload, message));
    this.#end(channel, subscriptions, reason === "deleted" ? null : failure(`The subscription was withdrawn: ${reason}.`, reason));
  }

  #refused(message) {
    const { channel, asking, since } = this.#settle(message) ?? {};
    if (!channel) return this.emit("error", message.payload, message);
    const { code, message: text } = message.payload;
    if (TEMPORARY.has(code)) return this.#askLater(channel, asking, since);
    const refused = asking.length ? asking : [...channel.subscriptions];
    const payload = { type: channel.type, id: channel.id, reason: "refused", code, message: text };
    refused.forEach((one) => one.emit("unsubscribed", payload, message));
    this.#end(channel, refused, failure(text, code));
  }

  #askLater(channel, asking, since) {
    const requests = this.#requests;
    setTimeout(() => {
      // A new connection has asked for everything already.
      if (requests !== this.#requests || !channel.subscriptions.size) return;
      this.#ask(channel, asking, since === undefined ? undefined : channel.hindmost);
    }, ASK_AGAIN_AFTER);
  }

  #settle({ id }) {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    return request;
  }

  #track(channel) {
    if (channel.subscriptions.size && channel.behind) this.#behind.add(channel);
    else this.#behind.delete(channel);
  }

  #refresh() {
    const { closed, open, closeCode, retryAt } = this.#connection;
    const down = closeCode === null ? "connecting" : "reconnecting";
    const up = this.#behind.size ? "behind" : "live";
    const state = closed ? "closed" : open ? up : down;
    if (state === this.#state && retryAt === this.#retryAt) return;
    this.#state = state;
    this.#retryAt = retryAt;
    this.emit("state", state);
    if (!closed) return;
    for (const channel of [...this.#channels.values()]) this.#end(channel, [...channel.subscriptions], closedFor(closeCode));
  }
}

const keyOf = (type, id) => `${type}:${id}`.toLowerCase();

const identity = ({ type, id }) => ({ [`${type}Id`]: id });

const failure = (message, code) => Object.assign(new Error(message), { code });

const closedFor = (code) => (code === 1000 ? null : failure(`The server closed the connection for good (${code}).`, code));

/** A browser's WebSocket cannot carry an Authorization header; a ticket bought with the token works everywhere. */
async function exchange(token, url) {
  const address = new URL("../api/tickets", url);
  address.protocol = address.protocol.replace("ws", "http");
  const response = await fetch(address, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  if (response.status === 401) throw Object.assign(new Error("The token was not accepted."), { closeCode: 4401 });
  if (!response.ok) throw new Error(`No ticket: HTTP ${response.status}.`);
  return (await response.json()).ticket;
}
