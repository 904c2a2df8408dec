// A client of the TypeScript SDK that a company's provider lets in:
// ID_TOKEN=… node enterprise-client.mjs URL ISSUER. It exchanges the ID token for an ID-JAG,
// that for an access token, calls whoami, and prints what it was told, or the error, with the POST requests that went to providers.
import process from "node:process";
import { Client, CrossAppAccessProvider, StreamableHTTPClientTransport, discoverAndRequestJwtAuthGrant } from "@modelcontextprotocol/client";

const url = new URL(process.argv[2]);
const out = { asked: [] };
const fetchFn = (input, init) => {
  const to = String(input?.url ?? input);
  if (init?.method === "POST" && to !== String(url)) out.asked.push(to);
  return fetch(input, init);
};
const authProvider = new CrossAppAccessProvider({
  clientId: "there", clientSecret: "s3cret", fetchFn,
  assertion: async (ctx) => (await discoverAndRequestJwtAuthGrant({
    idpUrl: process.argv[3], audience: ctx.authorizationServerUrl, resource: ctx.resourceUrl, idToken: process.env.ID_TOKEN,
    clientId: "here", clientSecret: "s3cret of the company", scope: ctx.scope, fetchFn: ctx.fetchFn,
  })).jwtAuthGrant,
});
const client = new Client({ name: "t", version: "1" });
try {
  await client.connect(new StreamableHTTPClientTransport(url, { authProvider, fetch: fetchFn }));
  out.claims = (await client.callTool({ name: "whoami", arguments: {} })).structuredContent;
  await client.close();
} catch (err) {
  out.error = String(err);
}
console.log(JSON.stringify(out));
process.exit(0);
