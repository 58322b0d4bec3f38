/**
 * One stream as the server sends it to this connection, and the subscriptions that follow it.
 *
 * The server keeps one cursor per stream and connection, which all subscriptions to the stream share. It is set to the
 * subscription that is furthest behind, and a subscription takes an event only if it stands exactly where the cursor stood
 * before. Dropping known events would not be enough: a replay may merge chunks into one event that begins before a
 * subscription's position and ends after it. Such a subscription skips the event and catches up by a request of its own.
 */
export class Channel {
  subscriptions = new Set();
  /** The seq of the last event the server sent; undefined until it has answered. */
  position;
  /** The newest seq the server has announced. */
  newest = 0;
  /** The id of the unanswered request that will move the position, if any. */
  moving;

  constructor(type, id) {
    this.type = type;
    this.id = id;
  }

  get behind() {
    return this.moving !== undefined || !(this.position >= this.newest);
  }

  /** The connection was lost, and the server's cursor with it. */
  reset() {
    this.position = this.moving = undefined;
  }

  /** The subscription whose position serves all the others too; undefined if all start from now. */
  get slowest() {
    const placed = [...this.subscriptions].filter(({ seq }) => seq !== undefined);
    return placed.sort((one, other) => one.seq - other.seq)[0];
  }

  /** Handles the server's answer to a request with `since`, made for the subscriptions in `asking`. */
  answered(message, since, asking) {
    const { seq, oldest, complete, state } = message.payload;
    const restart = since !== undefined && !complete;
    const from = restart ? (oldest ?? seq + 1) - 1 : since;
    this.newest = seq;
    this.position = from ?? this.position ?? seq;
    for (const subscription of [...this.subscriptions]) {
      if (restart) subscription.moveTo(from);
      else if (subscription.seq === undefined) subscription.moveTo(seq);
      // One that wants the state gets it with the answer to its own request.
      const served = state || !subscription.state;
      if (served && (restart || asking.includes(subscription))) {
        subscription.emit("subscribed", message.payload, message);
      }
    }
  }

  /** Delivers an event to the subscriptions it is next for; returns whether another one missed it. */
  receive(event) {
    if (!(event.seq > this.position)) return false;
    const before = this.position;
    this.position = event.seq;
    let leftBehind = false;
    for (const subscription of [...this.subscriptions]) {
      if (subscription.seq === before && !subscription.paused) subscription.deliver(event);
      else if (subscription.seq < event.seq && !subscription.paused) leftBehind = true;
    }
    return leftBehind;
  }
}
