// npm oidc-provider configured the way Logto configures it: an issuer with the
// path /oidc, S256 PKCE for all but clients with client_secret_basic, ES384
// access tokens for a resource only when the request names it
// (useGrantedResource is off), refresh tokens with offline_access and consent,
// rotation, any port on loopback for native clients. The login page is one
// form; whoever asks is who they say they are, and nobody is a refusal. Errors
// are JSON, also in a browser.
//
// Prints "issuer URL" when it is ready. Options by environment:
//   ACCESS_TTL  seconds an access token lives (3600)
//   DCR         1 turns dynamic registration on
//   OPAQUE      1 makes the tokens for resources opaque
//   MANAGE      1 lets clients delete their registration (RFC 7592)
//   CLIENT_ID   a native public client with redirect http://127.0.0.1/callback
//   CLIENTS     more clients: a JSON array of client metadata
//   RESOURCES   a JSON object of resource indicators and their scopes; other
//               resources are then unknown. Without it every resource is known
//   SHORT       the client whose device codes live for one second
//   PAR         required refuses requests that were not pushed; "pushed ID" is printed for
//               each that was, with the client's id
//   DPOP        1 takes proofs of possession (RFC 9449), nonces beside them
//   DPOP_NONCE  1 demands a nonce in each proof, a client ID in those of that client
//   CIMD        1 turns client ID metadata documents on, also at addresses of
//               this machine
import http from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Provider, errors } from 'oidc-provider';

const ttl = Number(process.env.ACCESS_TTL || 3600);
const resources = process.env.RESOURCES && JSON.parse(process.env.RESOURCES);
const cimd = process.env.CIMD === '1';
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
  provider.on('pushed_authorization_request.success', (_ctx, client) => console.log(`pushed ${client.clientId}`));
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

function clients() {
  const list = JSON.parse(process.env.CLIENTS || '[]');
  if (process.env.CLIENT_ID) {
    list.push({
      client_id: process.env.CLIENT_ID, application_type: 'native', token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    });
  }
  return list;
}

function resourceServer(resource) {
  if (resources && !(resource in resources)) throw new errors.InvalidTarget();
  return { scope: resources?.[resource] ?? '', audience: resource, accessTokenTTL: ttl, accessTokenFormat: process.env.OPAQUE === '1' ? 'opaque' : 'jwt', jwt: { sign: { alg: 'ES384' } } };
}

function configuration() {
  return {
    clients: clients(),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES384' }] },
    clientDefaults: { id_token_signed_response_alg: 'ES384' },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    enabledJWA: { idTokenSigningAlgValues: ['ES384'], clientAuthSigningAlgValues: ['ES256', 'RS256', 'EdDSA', 'Ed25519'] },
    claims: { profile: ['name', 'username'], email: ['email', 'email_verified'] },
    scopes: ['openid', 'offline_access'],
    pkce: { required: (_ctx, client) => client.clientAuthMethod !== 'client_secret_basic' },
    ttl: {
      AccessToken: ttl, ClientCredentials: ttl, AuthorizationCode: 60, RefreshToken: 14 * 24 * 3600, Interaction: 3600, Session: 3600,
      Grant: 14 * 24 * 3600, IdToken: 3600, DeviceCode: (_ctx, _code, client) => (client.clientId === process.env.SHORT ? 1 : 600),
    },
    rotateRefreshToken: true,
    cookies: { keys: ['not a secret'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    renderError: (ctx, out) => { ctx.body = out; },
    interactions: { url: (_ctx, i) => `/sign-in/${i.uid}` },
    // Fetching from this machine is refused unless fetch is one's own.
    ...(cimd && { fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }) }),
    features: {
      ...(cimd && { clientIdMetadataDocument: { enabled: true, ack: 'draft-02' } }),
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: process.env.PAR === 'required' },
      registration: { enabled: process.env.DCR === '1' },
      registrationManagement: { enabled: process.env.MANAGE === '1' },
      revocation: { enabled: true },
      introspection: { enabled: true },
      clientCredentials: { enabled: true },
      ...(process.env.DPOP === '1' && {
        dPoP: {
          enabled: true,
          nonceSecret: randomBytes(32),
          requireNonce: (ctx) => ['1', ctx.oidc.client?.clientId].includes(process.env.DPOP_NONCE ?? ''),
        },
      }),
      deviceFlow: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => false,
        getResourceServerInfo: (_ctx, resource) => resourceServer(resource),
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
    const result = people[user] ? { login: { accountId: user } } : { error: 'access_denied', error_description: 'End-User aborted interaction' };
    await provider.interactionFinished(req, res, result);
    return;
  }
  const { params, session, prompt } = details;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope([...(prompt.details.missingOIDCScope ?? (params.scope ?? '').split(' '))].join(' '));
  for (const resource of [params.resource].flat().filter(Boolean)) {
    grant.addResourceScope(resource, [...(prompt.details.missingResourceScopes?.[resource] ?? [])].join(' '));
  }
  await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}
