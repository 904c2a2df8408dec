// A client of the TypeScript SDK whose token is bound to its key: node dpop-client.mjs URL.
// It prints the key's thumbprint, reads a token that is bound to it, calls whoami twice with withDpop, prints
// what it was told, with the numbers of requests and of refusals, and what came of the token as Bearer.
import process from "node:process";
import readline from "node:readline";
import { Client, DpopSession, StreamableHTTPClientTransport, withDpop } from "@modelcontextprotocol/client";

const url = new URL(process.argv[2]);
const session = await DpopSession.create();
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
console.log(JSON.stringify({ thumbprint: session.thumbprint }));
const token = (await lines.next()).value;

const out = { requests: 0, refused: 0 };
const counted = async (input, init) => {
  const response = await fetch(input, init);
  out.requests++;
  if (response.status === 401) out.refused++;
  return response;
};
const client = new Client({ name: "t", version: "1" });
await client.connect(new StreamableHTTPClientTransport(url, { fetch: withDpop(session, () => token)(counted) }));
for (let k = 0; k < 2; k++) out.claims = (await client.callTool({ name: "whoami", arguments: {} })).structuredContent;
await client.close();
const stolen = await fetch(url, {
  method: "POST", headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
});
out.stolen = stolen.status;
console.log(JSON.stringify(out));
process.exit(0);
