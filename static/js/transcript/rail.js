import { AgentList } from "./agent-list.js";
import { ChangedFiles } from "./changed-files.js";

/** What a wide window shows beside the transcript: the workspace's agents, and the files that have changed. */
export class Rail {
  #agents;
  #files;

  /**
   * @param {{agents: HTMLElement, files: HTMLElement}} parts
   * @param {string} agentId
   */
  constructor({ agents, files }, agentId) {
    this.#agents = new AgentList(agents, agentId);
    this.#files = new ChangedFiles(files);
  }

  /** @param {Map<string, any>} agents */
  showAgents(agents) {
    this.#agents.show(agents);
  }

  /** @param {...any} events */
  add(...events) {
    this.#files.add(...events);
  }

  /** The stream's history has changed. */
  reset() {
    this.#files.reset();
  }
}
