import { Emitter } from "../../clients/js/emitter.js";
import { InboxState, needs } from "../../clients/js/inbox-state.js";
import { connection } from "./connection.js";

/** The user's inbox. `seen`: what they have seen changed. `workspaces`: the workspaces they see may have changed. */
class Inbox extends Emitter {
  #state = new InboxState();
  #complete = false;

  constructor() {
    super();
    const subscription = connection().inbox();
    subscription.on("subscribed", ({ state, seq }) => {
      this.#state.reset(state, seq);
      this.#answered(state);
      this.emit("workspaces");
    });
    subscription.on("positions", (page) => {
      this.#state.add(page);
      this.#answered(page);
    });
    const moved = (_, event) => this.#state.apply(event) && this.emit("seen");
    subscription.on("seen", moved);
    subscription.on("dismissed", moved);
    subscription.on("workspace", () => this.emit("workspaces"));
  }

  /** @param {{more?: boolean}} answer */
  #answered({ more = false }) {
    this.#complete ||= !more;
    if (!more) this.emit("seen");
  }

  /** Why an agent needs the user, if it does. @param {any} agent */
  needs(agent) {
    return needs(agent, this.seen(agent.id), this.#complete ? this.#state.dismissed(agent.id) : Infinity);
  }

  /** The seq up to which the user has seen an agent. Until known, nothing counts as unseen. @param {string} agentId */
  seen(agentId) {
    return this.#complete ? this.#state.seen(agentId) : Infinity;
  }
}

/** @type {Inbox | undefined} */
let opened;

/** The page's one subscription to the inbox, made at first use. */
export const inbox = () => (opened ??= new Inbox());
