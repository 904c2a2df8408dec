// A client of the TypeScript SDK: node client.mjs v1|legacy|auto|modern COMMAND ARGUMENT...
// v1 is version 1, the others are version 2 with that way of finding the revision.
// It does what there is to do and prints what came of it as one JSON object.
import process from "node:process";

const [mode, command, ...args] = process.argv.slice(2);
const v1 = mode === "v1";
const { Client } = await import(v1 ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client");
const { StdioClientTransport } = await import(v1 ? "@modelcontextprotocol/sdk/client/stdio.js" : "@modelcontextprotocol/client/stdio");
const schemas = v1 ? await import("@modelcontextprotocol/sdk/types.js") : {};

const out = { progress: [], heard: [] };
let changed;
const listChanged = new Promise((resolve) => (changed = resolve));
let updated;
const resourceUpdated = new Promise((resolve) => (updated = resolve));

const options = {
  capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} },
  listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => { out.heard.push("tools"); changed(); } } },
};
if (!v1) options.versionNegotiation = { mode: mode === "modern" ? { pin: "2026-07-28" } : mode };
const client = new Client({ name: "t", version: "1" }, options);

const on = (method, schema, handler) => client.setRequestHandler(v1 ? schemas[schema] : method, handler);
on("elicitation/create", "ElicitRequestSchema", async () => ({ action: "accept", content: { colour: "red" } }));
on("sampling/createMessage", "CreateMessageRequestSchema", async () => ({ model: "m", role: "assistant", content: { type: "text", text: "hello" } }));
on("roots/list", "ListRootsRequestSchema", async () => ({ roots: [{ uri: "file:///r" }] }));
client.setNotificationHandler(v1 ? schemas.ResourceUpdatedNotificationSchema : "notifications/resources/updated", (n) => {
  out.heard.push(n.params.uri);
  updated();
});

const call = async (name, more) => {
  try {
    const result = v1 ? await client.callTool({ name, arguments: {} }, undefined, more) : await client.callTool({ name, arguments: {} }, more);
    return result.content?.[0]?.text ?? JSON.stringify(result);
  } catch (e) {
    return `error ${e.code} ${e.message}`;
  }
};

const env = { ...process.env };
await client.connect(new StdioClientTransport({ command, args, env, stderr: "inherit" }));
out.server = client.getServerVersion()?.name;
out.version = client.getNegotiatedProtocolVersion?.();
out.tools = (await client.listTools()).tools.map((t) => t.name);
out.called = await call("progress", { onprogress: (p) => out.progress.push(p.progress) });
for (const name of ["ask", "sample", "roots"]) if (out.tools.includes(name)) out[name] = await call(name);

if (out.tools.includes("slow")) {
  const stop = new AbortController();
  out.slow = await call("slow", { signal: stop.signal, onprogress: () => stop.abort("enough") });
}

const changing = out.tools.includes("slow"); // a server without sessions says nothing by itself
const waiting = (p) => Promise.race([p, new Promise((_, no) => setTimeout(() => no(new Error("nothing came")), 15000))]);
if (changing) try {
  if (mode === "modern" || (mode === "auto" && out.version === "2026-07-28")) {
    await client.listen({ toolsListChanged: true, resourceSubscriptions: ["a:1"] });
  } else {
    await client.subscribeResource({ uri: "a:1" });
  }
  console.log("listening"); // the test changes something now
  await waiting(Promise.all([listChanged, resourceUpdated]));
} catch (e) {
  out.changes = `error ${e.code} ${e.message}`;
}
out.again = await call("progress");
await client.close();
console.log(JSON.stringify(out));
process.exit();
