/**
 * One stream as the server sends it to this connection, and the subscriptions that follow it.
 *
 * The server keeps one cursor per stream and connection, so subscriptions that stand at different places share it: it is set
 * to the one furthest behind, and each takes an event only when it stands exactly where the cursor stood before. That is stricter
 * than dropping what is already known, and has to be: a replay may merge chunks into one event that begins before a subscription's
 * place and ends after it. Such a subscription sits the event out and is caught up by asking again from its own place.
 */
export class Channel {
  subscriptions = new Set();
  /** The seq up to which the server has sent; undefined until it has answered. */
  position;
  /** The newest seq that the server told of. */
  newest = 0;
  /** The id of the unanswered request that will move the position, if there is one. */
  moving;

  constructor(type, id) {
    this.type = type;
    this.id = id;
  }

  get behind() {
    return this.moving !== undefined || !(this.position >= this.newest);
  }

  /** The connection is gone, and the server's cursor with it. */
  reset() {
    this.position = this.moving = undefined;
  }

  /** The subscription to ask for so that all are served, or undefined when all start from now. */
  get hindmost() {
    const placed = [...this.subscriptions].filter(({ seq }) => seq !== undefined);
    return placed.sort((one, other) => one.seq - other.seq)[0];
  }

  /** Takes the server's answer to a request made with `since` on behalf of `asking`. */
  answered(message, since, asking) {
    const { seq, oldest, complete } = message.payload;
    const restart = since !== undefined && !complete;
    const from = restart ? (oldest ?? seq + 1) - 1 : since;
    this.newest = seq;
    this.position = from ?? this.position ?? seq;
    for (const subscription of [...this.subscriptions]) {
      if (restart) subscription.place(from);
      else if (subscription.seq === undefined) subscription.place(seq);
      if (restart || asking.includes(subscription)) subscription.emit("subscribed", message.payload, message);
    }
  }

  /** Hands an event to those whose turn it is. True when somebody was left behind by it. */
  receive(event) {
    if (!(event.seq > this.position)) return false;
    const before = this.position;
    this.position = event.seq;
    let leftBehind = false;
    for (const subscription of [...this.subscriptions]) {
      if (subscription.seq === before && !subscription.paused) subscription.take(event);
      else if (subscription.seq < event.seq && !subscription.paused) leftBehind = true;
    }
    return leftBehind;
  }
}
