// The same with mcp-auth's own verification of JWTs for a protected resource.
import express from 'express';
import { MCPAuth, fetchServerConfig } from 'mcp-auth';
import { serve } from './whoami.mjs';

const resource = process.env.MCP_RESOURCE_IDENTIFIER;
const config = await fetchServerConfig(process.env.MCP_AUTH_ISSUER, { type: 'oidc' });
const auth = new MCPAuth({ protectedResources: [{ metadata: { resource, authorizationServers: [config] } }] });

const app = express();
app.use(auth.protectedResourceMetadataRouter());
app.use(auth.bearerAuth('jwt', { resource, audience: resource }));
serve(app);
