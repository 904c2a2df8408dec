// An MCP server of the TypeScript SDK that keeps a list for each caller. Clients reach it
// through whoami-server alone, which tells it who calls: in the headers X-Forwarded-User and
// X-Forwarded-Issuer, or where ASSERTION_KEYS is set in a signed assertion.
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { z } from "zod";

const { HOST = "127.0.0.1", PORT = "8000", ASSERTION_KEYS, ASSERTION_ISSUER, ASSERTION_AUDIENCE } = process.env;
// A gateway without --gateway-secret-file has another key after a restart. By default jose asks
// for keys that it does not know once in 30 seconds, and everybody would be refused until then.
const remote = ASSERTION_KEYS && createRemoteJWKSet(new URL(ASSERTION_KEYS), { cooldownDuration: 1000 });
// Whoever calls may try again where the key cannot be read now.
const keys = remote && ((...token) => remote(...token).catch((error) => { throw Object.assign(error, { status: 503 }); }));

// caller is who calls: a subject is unique only with its issuer. Every request must have one.
async function caller(headers) {
  if (keys) {
    const { payload } = await jwtVerify(headers["x-forwarded-assertion"] ?? "", keys, {
      issuer: ASSERTION_ISSUER, audience: ASSERTION_AUDIENCE, algorithms: ["ES256"], requiredClaims: ["exp", "sub", "sub_id"],
    });
    return JSON.stringify([payload.sub_id.iss, payload.sub]);
  }
  const user = headers["x-forwarded-user"], issuer = headers["x-forwarded-issuer"];
  if (!user || !issuer) throw new Error("nobody says who calls");
  return JSON.stringify([decodeURIComponent(issuer), decodeURIComponent(user)]);
}

const notes = new Map(); // by caller

function notesOf(who) {
  const server = new McpServer({ name: "notes", version: "1.0.0" });
  const mine = notes.get(who) ?? [];
  server.registerTool("add_note", { description: "Keeps a note", inputSchema: { text: z.string() } }, ({ text }) => {
    notes.set(who, [...mine, text]);
    return { content: [{ type: "text", text: "kept" }] };
  });
  server.registerTool("list_notes", { description: "Your notes" }, () => ({ content: [{ type: "text", text: [who, ...mine].join("\n") }] }));
  return server;
}

const http = createServer(async (req, res) => {
  if (req.url !== "/mcp") return res.writeHead(404).end();
  try {
    const server = notesOf(await caller(req.headers));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    res.on("close", () => { transport.close(); server.close(); });
    await server.connect(transport);
    await transport.handleRequest(req, res);
  } catch (error) {
    console.error(error.message);
    if (!res.headersSent) res.writeHead(error.status ?? 500).end();
  }
});
http.listen(PORT, HOST, () => console.log(`http://${HOST}:${http.address().port}/mcp`));
