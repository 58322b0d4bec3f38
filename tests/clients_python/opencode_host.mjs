// Loads the plugin as opencode does, and passes on the events that come as lines: `{"hook", "value"}`. Prints one line for each, and
// one for each call of opencode's API.
import { createInterface } from "node:readline";

const [plugin, directory] = process.argv.slice(2);
const say = (words) => process.stdout.write(JSON.stringify(words) + "\n");
const models = { "claude-sonnet-4-5": { limit: { context: 1_000_000 } } };
const client = {
  config: { providers: async () => ({ data: { providers: [{ id: "anthropic", models }] } }) },
  _client: { post: async ({ url, body }) => say({ url, body }) },
};
const hooks = await (await import(plugin)).Agentstream({ client, directory });
say({ hooks: Object.keys(hooks) });
for await (const line of createInterface({ input: process.stdin })) {
  const { hook, value } = JSON.parse(line);
  if (hook === "quit") process.exit(0);
  if (hook === "event") await hooks.event?.({ event: value });
  else await hooks[hook]?.(value?.input, value?.output);
  say({ done: hook });
}
