// The tutorial's way: mcp-auth hands the token over, and each request asks the
// provider whose it is.
import express from 'express';
import { MCPAuth, MCPAuthTokenVerificationError, fetchServerConfig } from 'mcp-auth';
import { serve } from './whoami.mjs';

const config = await fetchServerConfig(process.env.MCP_AUTH_ISSUER, { type: 'oidc' });
const auth = new MCPAuth({ server: config });

async function userinfo(token) {
  const { issuer, userinfoEndpoint } = config.metadata;
  const answer = await fetch(userinfoEndpoint, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) {
    throw new MCPAuthTokenVerificationError('token_verification_failed', answer);
  }
  const claims = await answer.json();
  if (typeof claims?.sub !== 'string') {
    throw new MCPAuthTokenVerificationError('invalid_token', claims);
  }
  return { token, issuer, subject: claims.sub, clientId: '', scopes: [], claims };
}

const app = express();
app.use(auth.delegatedRouter());
app.use(auth.bearerAuth(userinfo));
serve(app);
