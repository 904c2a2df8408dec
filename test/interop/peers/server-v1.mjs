// A server of the TypeScript SDK, version 1: node server-v1.mjs stateful|stateless|sse.
// It prints its address, and "cancelled" when the slow tool was cancelled; a line
// on stdin changes its list of tools and its resource.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const mode = process.argv[2];
const servers = new Set();
const transports = new Map();
const text = (s) => ({ content: [{ type: "text", text: s }] });

function progress(extra, n) {
  const progressToken = extra._meta?.progressToken;
  return extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress: n } });
}

function build() {
  const s = new McpServer({ name: "peer", version: "1" }, { capabilities: { resources: { subscribe: true }, logging: {} } });
  s.registerTool("progress", {}, async (extra) => {
    for (let i = 0; i < 3; i++) {
      await progress(extra, i);
      await setTimeout(20); // this SDK's clients forget what comes in one read with the answer
    }
    return text("done");
  });
  if (mode === "stateless") return s; // without a session nobody can be asked
  s.registerTool("ask", {}, async () => {
    const answer = await s.server.elicitInput({
      mode: "form", message: "colour?",
      requestedSchema: { type: "object", properties: { colour: { type: "string" } } },
    });
    return text(`${answer.action} ${answer.content?.colour}`);
  });
  s.registerTool("sample", {}, async () => {
    const answer = await s.server.createMessage({ maxTokens: 10, messages: [{ role: "user", content: { type: "text", text: "say" } }] });
    return text(`${answer.model} ${answer.content.text}`);
  });
  s.registerTool("roots", {}, async () => text((await s.server.listRoots()).roots.map((r) => r.uri).join(" ")));
  s.registerTool("slow", {}, async (extra) => {
    const over = new Promise((resolve) => extra.signal.addEventListener("abort", resolve));
    await progress(extra, 0);
    await over;
    console.log("cancelled");
    return text("");
  });
  s.registerResource("a", "a:1", {}, async () => ({ contents: [] }));
  s.server.setRequestHandler(SubscribeRequestSchema, async () => ({}));
  s.server.setRequestHandler(UnsubscribeRequestSchema, async () => ({}));
  servers.add(s);
  return s;
}

async function streamable(req, res) {
  const known = transports.get(req.headers["mcp-session-id"]);
  if (known) return known.handleRequest(req, res);
  if (req.headers["mcp-session-id"]) return res.writeHead(404).end();
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: mode === "stateful" ? randomUUID : undefined,
    onsessioninitialized: (id) => transports.set(id, transport),
  });
  await build().connect(transport);
  return transport.handleRequest(req, res);
}

async function sse(req, res) {
  const url = new URL(req.url, "http://localhost");
  if (req.method === "GET" && url.pathname === "/mcp") {
    const transport = new SSEServerTransport("/messages", res);
    transports.set(transport.sessionId, transport);
    return build().connect(transport);
  }
  const known = transports.get(url.searchParams.get("sessionId"));
  if (req.method === "POST" && url.pathname === "/messages" && known) return known.handlePostMessage(req, res);
  return res.writeHead(url.pathname === "/mcp" ? 405 : 404).end();
}

const http = createServer((req, res) => (mode === "sse" ? sse : streamable)(req, res).catch((e) => res.destroy(e)));
http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));

let changes = 0;
createInterface({ input: process.stdin }).on("line", () => {
  changes++;
  for (const s of servers) {
    s.registerTool(`new${changes}`, {}, async () => text("")); // says that the list has changed
    s.server.sendResourceUpdated({ uri: "a:1" }).catch(() => {});
  }
}).on("close", () => process.exit());
