// A server of the TypeScript SDK, version 2, on 2026-07-28:
// node server-v2.mjs strict|dual. It prints its address, and "cancelled" when the
// slow tool was cancelled; a line on stdin changes its tools and its resource.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { createMcpHandler, inputRequired, McpServer } from "@modelcontextprotocol/server";

const mode = process.argv[2];
const text = (s) => ({ content: [{ type: "text", text: s }] });

function progress(ctx, n) {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  return ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: n } });
}

// question asks what question says, and goes on when the answer is there.
const question = (question, go) => async (ctx) => {
  const answer = ctx.mcpReq.inputResponses?.q;
  return answer === undefined ? inputRequired({ inputRequests: { q: question } }) : text(go(answer));
};

function build() {
  const s = new McpServer({ name: "peer", version: "2" }, { capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } });
  s.registerTool("progress", {}, async (ctx) => {
    for (let i = 0; i < 3; i++) {
      await progress(ctx, i);
      await setTimeout(20); // this SDK's clients forget what comes in one read with the answer
    }
    return text("done");
  });
  s.registerTool("ask", {}, question(
    inputRequired.elicit({ message: "colour?", requestedSchema: { type: "object", properties: { colour: { type: "string" } } } }),
    (a) => `${a.action} ${a.content?.colour}`));
  s.registerTool("sample", {}, question(
    inputRequired.createMessage({ maxTokens: 10, messages: [{ role: "user", content: { type: "text", text: "say" } }] }),
    (a) => `${a.model} ${a.content.text}`));
  s.registerTool("roots", {}, question(inputRequired.listRoots(), (a) => a.roots.map((r) => r.uri).join(" ")));
  s.registerTool("slow", {}, async (ctx) => {
    const over = new Promise((resolve) => ctx.mcpReq.signal.addEventListener("abort", resolve));
    await progress(ctx, 0);
    await over;
    console.log("cancelled");
    return text("");
  });
  s.registerResource("a", "a:1", {}, async () => ({ contents: [] }));
  return s;
}

const handler = createMcpHandler(build, { legacy: mode === "dual" ? "stateless" : "reject" });

async function serve(req, res) {
  const gone = new AbortController();
  res.on("close", () => gone.abort());
  const body = ["GET", "HEAD"].includes(req.method) ? undefined : Readable.toWeb(req);
  const request = new Request(`http://${req.headers.host}${req.url}`, { method: req.method, headers: req.headers, body, duplex: "half", signal: gone.signal });
  const answer = await handler.fetch(request);
  res.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (!answer.body) return res.end();
  res.flushHeaders();
  const stream = Readable.fromWeb(answer.body).on("error", () => res.destroy());
  res.on("close", () => stream.destroy());
  stream.pipe(res);
}

const http = createServer((req, res) => serve(req, res).catch((e) => res.destroy(e)));
http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));

createInterface({ input: process.stdin }).on("line", () => {
  handler.notify.toolsChanged();
  handler.notify.resourceUpdated("a:1");
}).on("close", () => process.exit());
