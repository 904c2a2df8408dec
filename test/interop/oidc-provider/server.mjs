// npm oidc-provider configured the way Logto configures it: an issuer with the
// path /oidc, S256 PKCE for public clients, ES384 access tokens for a resource
// only when the request names it (useGrantedResource is off), refresh tokens
// with offline_access and consent, rotation, any port on loopback for native
// clients. The login page is one form; whoever asks is who they say they are.
//
// Prints "issuer URL" when it is ready. Options by environment:
//   ACCESS_TTL  seconds an access token lives (3600)
//   DCR         1 turns dynamic registration on
//   CLIENT_ID   a native public client with redirect http://127.0.0.1/callback
import http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const ttl = Number(process.env.ACCESS_TTL || 3600);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const people = {
  alice: { name: 'Alice Example', username: 'alice', email: 'alice@example.test', email_verified: true },
  bob: { name: 'Bob Example', username: 'bob', email: 'bob@example.test', email_verified: true },
};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(`${origin}/oidc`, configuration());
  provider.proxy = false;
  const oidc = provider.callback();
  server.on('request', (req, res) => {
    if (req.url.startsWith('/oidc/')) {
      req.originalUrl = req.url;
      req.url = req.url.slice('/oidc'.length);
      oidc(req, res);
    } else if (req.url.startsWith('/sign-in/')) {
      interaction(provider, req, res).catch((err) => { res.statusCode = 500; res.end(String(err)); });
    } else {
      res.statusCode = 404;
      res.end('Not Found');
    }
  });
  console.log(`issuer ${origin}/oidc`);
});
process.on('SIGTERM', () => { server.closeAllConnections(); server.close(() => process.exit(0)); });

function configuration() {
  const clients = [];
  if (process.env.CLIENT_ID) {
    clients.push({
      client_id: process.env.CLIENT_ID, application_type: 'native', token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    });
  }
  return {
    clients,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES384' }] },
    clientDefaults: { id_token_signed_response_alg: 'ES384' },
    enabledJWA: { idTokenSigningAlgValues: ['ES384'] },
    claims: { profile: ['name', 'username'], email: ['email', 'email_verified'] },
    scopes: ['openid', 'offline_access'],
    pkce: { required: () => true },
    ttl: { AccessToken: ttl, AuthorizationCode: 60, RefreshToken: 14 * 24 * 3600, Interaction: 3600, Session: 3600, Grant: 14 * 24 * 3600, IdToken: 3600 },
    rotateRefreshToken: true,
    cookies: { keys: ['not a secret'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    interactions: { url: (_ctx, i) => `/sign-in/${i.uid}` },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: process.env.DCR === '1' },
      revocation: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => false,
        getResourceServerInfo: (_ctx, resource) => ({ scope: '', audience: resource, accessTokenTTL: ttl, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES384' } } }),
      },
    },
  };
}

// interaction shows one form for the login and grants what was asked for.
async function interaction(provider, req, res) {
  const details = await provider.interactionDetails(req, res);
  if (details.prompt.name === 'login' && req.method === 'GET') {
    res.setHeader('content-type', 'text/html');
    res.end(`<form method="post"><button name="user" value="alice">alice</button></form>`);
    return;
  }
  if (details.prompt.name === 'login') {
    let body = '';
    for await (const chunk of req) body += chunk;
    const user = new URLSearchParams(body).get('user');
    const result = people[user] ? { login: { accountId: user } } : { error: 'access_denied' };
    await provider.interactionFinished(req, res, result);
    return;
  }
  const { params, session, prompt } = details;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope([...(prompt.details.missingOIDCScope ?? params.scope.split(' '))].join(' '));
  for (const resource of [params.resource].flat().filter(Boolean)) grant.addResourceScope(resource, '');
  await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}
