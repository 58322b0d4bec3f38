import { Channel } from "./channel.js";
import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Subscription } from "./subscription.js";

/** Errors after which the same request may succeed later. */
const TEMPORARY = new Set(["RATE_LIMITED", "UNAVAILABLE", "INTERNAL"]);
const RETRY_REQUEST_MS = 2_000;
const MAX_RETRY_REQUEST_MS = 60_000;
const LOOPBACK = /^((.+\.)?localhost|127\.[\d.]+|\[::1])$/;

/** All streams that a front end follows, over one connection that is kept alive. agentstream.d.ts documents the public API. */
export class AgentStream extends Emitter {
  #state = "connecting";
  #retryAt = null;
  #url;
  #ticket;
  #connection;
  #channels = new Map();
  /** Unanswered requests of the current connection, by message id. */
  #requests = new Map();
  /** Answers to requests that the server has not confirmed, by message id. */
  #answers = new Map();
  #lastId = 0;

  /**
   * @param {string | URL} [url]
   * @param {import("./agentstream.js").Options & { WebSocket?: any }} [options]
   */
  constructor(url = "/ws/", { ticket, token, insecure, WebSocket = globalThis.WebSocket, timing } = {}) {
    super();
    if (!WebSocket) throw new TypeError("No global WebSocket: pass one as options.WebSocket");
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    if (token && !insecure && this.#url.protocol === "ws:" && !LOOPBACK.test(this.#url.hostname)) {
      throw new TypeError("Expected wss://, because the token would be sent unencrypted (options.insecure allows it)");
    }
    this.#ticket =
      ticket ?? (token && (() => import("./ticket.js").then(({ fetchTicket }) => fetchTicket(token, this.#url))));
    this.#connection = new Connection({
      address: () => this.#address(),
      onopen: () => this.#opened(),
      onmessages: (messages) => this.#received(messages),
      onchange: () => this.#refresh(),
      WebSocket,
      // A ticket is for a WebSocket only.
      fallback: ticket
        ? undefined
        : () =>
            import("./sse.js").then(
              ({ EventStreamSocket }) =>
                (address) =>
                  new EventStreamSocket(address, token),
            ),
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

  inbox(from) {
    return this.#subscribe("inbox", undefined, from);
  }

  answer(agentId, requestId, { option, answers, text }) {
    return new Promise((resolve, reject) => {
      if (this.#state === "closed") return reject(closedFor(this.closeCode));
      const message = {
        id: ++this.#lastId,
        type: "answer:agent",
        payload: { agentId, requestId, option, answers, text },
      };
      this.#answers.set(message.id, { message, resolve, reject });
      this.#connection.send(message);
    });
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
      onclose: () => this.#unsubscribe(channel, subscription),
      onresume: () => this.#catchUp(channel),
    });
    channel.subscriptions.add(subscription);
    if (this.#state === "closed") this.#end(channel, [subscription], closedFor(this.closeCode));
    // A request without `since` leaves the server's cursor alone: right for a subscription that starts from now.
    else this.#request(channel, [subscription], subscription.seq === undefined ? undefined : channel.slowest);
    this.#refresh();
    return subscription;
  }

  #request(channel, asking, from) {
    const id = ++this.#lastId;
    if (from) channel.moving = id;
    if (!this.#connection.open) return;
    this.#requests.set(id, { channel, asking, since: from?.seq });
    const state = [...channel.subscriptions].some((one) => one.state) ? undefined : false;
    const payload = { ...identity(channel), since: from?.seq, at: from?.at, state };
    this.#connection.send({ id, type: `subscribe:${channel.type}`, payload });
  }

  #catchUp(channel) {
    if (!channel.moving && channel.subscriptions.size) this.#request(channel, [], channel.slowest);
  }

  #unsubscribe(channel, subscription) {
    if (this.#remove(channel, subscription)) {
      this.#connection.send({ type: `unsubscribe:${channel.type}`, payload: identity(channel) });
    }
    this.#refresh();
  }

  /** Returns whether that was the channel's last subscription. */
  #remove(channel, subscription) {
    const last = channel.subscriptions.delete(subscription) && !channel.subscriptions.size;
    if (last) this.#channels.delete(keyOf(channel.type, channel.id));
    return last;
  }

  /** `message` is the server's, if it ended the subscriptions. */
  #end(channel, subscriptions, error, message) {
    for (const subscription of subscriptions) {
      this.#remove(channel, subscription);
      if (message) subscription.emit("unsubscribed", message.payload, message);
      subscription.end(error);
    }
  }

  #opened() {
    this.#requests = new Map();
    for (const channel of this.#channels.values()) {
      channel.reset();
      this.#request(channel, [...channel.subscriptions], channel.slowest);
    }
    // They may or may not have arrived; repeating an answer is safe.
    for (const { message } of this.#answers.values()) this.#connection.send(message);
    this.#refresh();
  }

  #received(messages) {
    for (const message of messages) {
      if (message.seq !== undefined) this.#event(message);
      else if (message.type === "subscribed") this.#subscribed(message);
      else if (message.type === "unsubscribed") this.#unsubscribed(message);
      else if (message.type === "answered") take(this.#answers, message)?.resolve(message.payload.resolution);
      else if (message.type === "error") this.#refused(message);
      else this.#page(message);
    }
    this.#refresh();
  }

  #event(event) {
    const channel = this.#channels.get(keyOfEvent(event));
    if (channel?.receive(event)) this.#catchUp(channel);
  }

  #subscribed(message) {
    const { channel, asking, since } = take(this.#requests, message) ?? {};
    if (!channel) return;
    if (channel.moving === message.id) channel.moving = undefined;
    channel.answered(message, since, asking);
  }

  /** More of a state that was too large for its `subscribed`, such as `workspace:agents`. */
  #page(message) {
    const [, name] = message.type.split(":");
    const channel = this.#channels.get(keyOfEvent(message));
    for (const subscription of channel?.subscriptions ?? []) subscription.emit(name, message.payload, message);
  }

  #unsubscribed(message) {
    const { type, id, reason } = message.payload;
    const channel = this.#channels.get(keyOf(type, id));
    // "requested" answers our own unsubscribing, and may arrive after a new subscription was made.
    if (!channel || reason === "requested") return;
    const error = reason === "deleted" ? null : failure(`Unsubscribed: ${reason}`, reason);
    this.#end(channel, [...channel.subscriptions], error, message);
  }

  #refused(message) {
    if (this.#answers.has(message.id)) return this.#answerRefused(message);
    const { channel, asking, since } = take(this.#requests, message) ?? {};
    if (!channel) return this.emit("error", message.payload, message);
    const { code, message: text } = message.payload;
    if (TEMPORARY.has(code)) return this.#retryLater(channel, asking, since, message.payload.retryAfter);
    const payload = { type: channel.type, id: channel.id, reason: "refused", code, message: text };
    this.#end(channel, asking.length ? asking : [...channel.subscriptions], failure(text, code), {
      ...message,
      payload,
    });
  }

  #answerRefused(message) {
    const { code, message: text, resolution } = message.payload;
    if (TEMPORARY.has(code)) {
      setTimeout(
        () => this.#answers.has(message.id) && this.#connection.send(this.#answers.get(message.id).message),
        RETRY_REQUEST_MS,
      );
    } else take(this.#answers, message).reject(Object.assign(failure(text, code), { resolution }));
  }

  #retryLater(channel, asking, since, seconds = 0) {
    const requests = this.#requests;
    setTimeout(
      () => {
        // A new connection has already requested everything.
        if (requests !== this.#requests || !channel.subscriptions.size) return;
        this.#request(channel, asking, since === undefined ? undefined : channel.slowest);
      },
      Math.min(Math.max(seconds * 1_000, RETRY_REQUEST_MS), MAX_RETRY_REQUEST_MS),
    );
  }

  #refresh() {
    const { closed, open, closeCode, retryAt } = this.#connection;
    const down = closeCode === null ? "connecting" : "reconnecting";
    const up = () => ([...this.#channels.values()].some((channel) => channel.behind) ? "behind" : "live");
    const state = closed ? "closed" : open ? up() : down;
    if (state === this.#state && retryAt === this.#retryAt) return;
    this.#state = state;
    this.#retryAt = retryAt;
    this.emit("state", state);
    if (!closed) return;
    for (const { reject } of this.#answers.values()) reject(closedFor(closeCode));
    this.#answers.clear();
    for (const channel of [...this.#channels.values()]) {
      this.#end(channel, [...channel.subscriptions], closedFor(closeCode));
    }
  }
}

/** A user has one inbox, which needs no id. */
const keyOf = (type, id) => (type === "inbox" ? type : `${type}:${id}`.toLowerCase());

function keyOfEvent({ type, payload }) {
  const [kind] = type.split(":");
  return keyOf(kind, payload[`${kind}Id`]);
}

const identity = ({ type, id }) => ({ [`${type}Id`]: id });

/** Removes what an answer refers to. */
function take(waiting, { id }) {
  const found = waiting.get(id);
  waiting.delete(id);
  return found;
}

const failure = (message, code) => Object.assign(new Error(message), { code });

const closedFor = (code) => (code === 1000 ? null : failure(`Closed by the server: ${code}`, code));
