import { AgentStream } from "../../clients/js/agentstream.js";

/** The page's one connection; the session cookie says whose it is. */
export const stream = new AgentStream();
