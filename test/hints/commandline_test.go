package hints

import (
	"mcp-login/internal/devidp"
)

// closed is a provider that knows only clients that are registered by hand.
func closed(c *devidp.Config) {
	c.Registration = false
	c.Clients = []devidp.Client{{ID: "native-app", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
}

// machine is one that knows a client that signs in as itself.
func machine(c *devidp.Config) {
	c.Clients = []devidp.Client{{ID: "m2m", Secret: "s3cret", GrantTypes: []string{"client_credentials"}}}
}

const secret = `export MCP_LOGIN_CLIENT_SECRET=s3cret; `

// ofTheCommandLine are the hints about how mcp-login is called.
func ofTheCommandLine() []row {
	return []row{
		{hint: "run: … https://example.com/mcp, or … --help", when: `mcp-login login`, does: `mcp-login login $URL`},
		{hint: "write each flag as a word of its own; a blank in an address is %20", when: `mcp-login login "$URL?a b"`, does: `mcp-login login "$URL?a%20b"`, still: "signed in to"},
		{hint: "read it with: mcp-login help …", when: `mcp-login faq $URL`, does: `mcp-login help faq`},
		{hint: "see mcp-login --help", when: `mcp-login run`, does: `mcp-login --help`},
		{hint: "to see more of what happens add --log-level debug", when: `mcp-login login --verbose $URL`, does: `mcp-login login --log-level debug $URL`},
		{hint: "to see errors alone add --log-level error", when: `mcp-login login --quiet $URL`, does: `mcp-login login --log-level error $URL`},
		{hint: "leave it out: a browser is opened where there is one, and --device is for another device", when: `mcp-login login --no-device $URL`, does: `mcp-login login $URL`},
		{hint: "write the URL and the flags of the bridge alone into the entry: no command answers a client", when: `echo '{"jsonrpc":"2.0","id":1,"method":"initialize"}' | mcp-login lgoin $URL`, does: `mcp-login $URL </dev/null`},
		{hint: "put the URL of the server into the arguments of the entry", when: `echo '{"jsonrpc":"2.0","id":1,"method":"initialize"}' | mcp-login`, does: `mcp-login $URL </dev/null`},
		{hint: "give an address like https://example.com/mcp", when: `mcp-login login example`, does: `mcp-login login $URL`},
		{hint: "did you mean: …", when: `mcp-login lgoin $URL`},
		{hint: "did you mean: … help… …", when: `mcp-login help doctr`},
		{hint: "see … --help", when: `mcp-login version x`},
		{hint: "did you mean: …", when: `mcp-login login --profil a $URL`},
		{hint: "did you mean --…?", when: `mcp-login login --client native-app $URL`, lab: closed, does: `mcp-login login --client-id native-app $URL`},
		{hint: "did you mean: …", when: `mcp-login login --timeout 5 ${URL#http://}`},
		{hint: "for the version run: mcp-login version; to see more of what happens add --log-level debug", when: `mcp-login -v`, does: `mcp-login version`, then: `mcp-login login --log-level debug $URL`},
		{hint: "certificates are always checked: name the authority of this one with --ca-file FILE", before: certificate, when: `mcp-login login --insecure $URL`, does: `mcp-login login --ca-file cert.pem $URL`},
		{hint: "give the URL without a flag in front", when: `mcp-login login --url $URL`, does: `mcp-login login $URL`},
		{hint: "give … a value, with the URL behind it", when: `mcp-login login --profile $URL`, does: `mcp-login login --profile a $URL`},
		{hint: "other users can see arguments: put it into a file for --client-secret-file, or into MCP_LOGIN_CLIENT_SECRET", lab: machine, when: `mcp-login tools --client-credentials --client-id m2m --client-secret s3cret $URL`, does: `echo s3cret >secret; mcp-login tools --client-credentials --client-id m2m --client-secret-file secret --issuer $ISSUER $URL`, then: secret + `mcp-login tools --client-credentials --client-id m2m --issuer $ISSUER $URL`},
		{hint: "other users can see arguments: set MCP_LOGIN_TOKEN, or let a program print it with --token-command", before: `mcp-login login $URL; mcp-login token $URL >token`, when: `mcp-login tools --token "$(cat token)" $URL`, does: `export MCP_LOGIN_TOKEN=$(cat token); mcp-login tools $URL`, then: `mcp-login tools --token-command 'cat token' $URL`},
		{hint: "run it once for each of them; a client has one entry for each", when: `mcp-login login $URL $URL`, does: `mcp-login login $URL`},
		{hint: "set HTTPS_PROXY to the proxy's address, such as http://proxy.example.com:3128", when: `mcp-login login --proxy http://proxy.example.com:3128 $URL`, does: `export HTTPS_PROXY=http://proxy.example.com:3128; mcp-login login $URL`},
		{hint: "write a number and a unit, such as 30s, 10m or 1h30m", when: `mcp-login login --timeout soon $URL`, does: `mcp-login login --timeout 30s $URL`},
		{hint: "write it as 64MiB, 500kB or 1000000", when: `mcp-login login --max-message big $URL`, does: `mcp-login login --max-message 64MiB $URL`},
		{hint: "write a whole number, in digits", when: `mcp-login login --callback-port any $URL`, does: `mcp-login login --callback-port 3397 $URL`},
		{hint: "write it as … …", when: `mcp-login login $URL --profile`, does: `mcp-login login $URL --profile NAME`},
		{hint: "write it as …", when: `mcp-login tools --static-oauth-client-info '{"client_id":"m2m","client_secret":"s3cret"}' $URL`, lab: machine, does: `echo s3cret >secret; mcp-login tools --client-credentials --client-id m2m --client-secret-file secret --issuer $ISSUER $URL`},
		{hint: "write it as … …", when: `mcp-login login --issuer ${ISSUER#http://} $URL`, does: `mcp-login login --issuer $ISSUER $URL`},
		{hint: "write it as … https://id.example.com", when: `mcp-login login --issuer id $URL`, does: `mcp-login login --issuer $ISSUER $URL`},
		{hint: "write it as --callback-path /callback", when: `mcp-login login --callback-path callback $URL`, does: `mcp-login login --callback-path /callback $URL`},
		{hint: "leave out --callback-host; if the browser runs outside of this container, use --callback-bind 0.0.0.0", when: `mcp-login login --callback-host 0.0.0.0 $URL`, does: `mcp-login login $URL`, then: `mcp-login login --again --callback-bind 0.0.0.0 $URL`},
		{hint: "ports are numbers from 1 to 65535", when: `mcp-login login --callback-port 99999 $URL`, does: `mcp-login login --callback-port 3398 $URL`},
		{hint: "write it as --… 5m", when: `mcp-login login --timeout -1s $URL`, does: `mcp-login login --timeout 5m $URL`},
		{hint: "write … alone, or leave it out", when: `mcp-login login --device=maybe $URL`, does: `mcp-login login $URL`},
		{hint: "did you mean: …", when: `mcp-login import mcp-remot`},
		{hint: "add the URL of the server", when: `mcp-login status --client-id native-app`, lab: closed, before: `mcp-login login --client-id native-app $URL`, does: `mcp-login status --client-id native-app $URL`},
		{hint: "write it as --auth-param login_hint=alice@example.com", when: `mcp-login login --auth-param prompt $URL`, does: `mcp-login login --auth-param login_hint=alice@example.com $URL`},
		{hint: "write it as name=value, for example login_hint=alice@example.com", when: `mcp-login login --auth-param =x $URL`, does: `mcp-login login --auth-param login_hint=alice@example.com $URL`},
		{hint: "see --scope, --resource and --client-id", when: `mcp-login login --auth-param scope=openid $URL`, does: `mcp-login login --scope openid $URL`},
		{hint: "add --client-credentials or --assertion SOURCE, or leave it out: a person's login needs the provider's metadata", lab: machine, when: secret + `mcp-login tools --client-id m2m --token-endpoint $ISSUER/token $URL`, does: secret + `mcp-login tools --client-id m2m --client-credentials --token-endpoint $ISSUER/token $URL`},
		{hint: "add --client-id", lab: machine, when: secret + `mcp-login tools --issuer $ISSUER $URL`, does: secret + `mcp-login tools --client-credentials --client-id m2m --issuer $ISSUER $URL`},
		{hint: "add --client-id, and --client-secret-file or --client-key", lab: machine, when: `mcp-login tools --client-credentials $URL`, does: `echo s3cret >secret; mcp-login tools --client-credentials --client-id m2m --client-secret-file secret --issuer $ISSUER $URL`},
		{hint: "add --client-secret-file, MCP_LOGIN_CLIENT_SECRET or --client-key", lab: machine, when: `mcp-login tools --client-credentials --client-id m2m $URL`, does: secret + `mcp-login tools --client-credentials --client-id m2m --issuer $ISSUER $URL`},
		{hint: "give an unencrypted private key as PEM or JWK: RSA (2048 bits or more), P-256, P-384, P-521 or Ed25519", when: `echo x >key; mcp-login tools --client-credentials --client-id m2m --client-key key $URL`, does: `openssl genpkey -algorithm ed25519 -out key 2>/dev/null; mcp-login tools --client-credentials --client-id m2m --client-key key $URL`, still: "invalid_client"},
		{hint: "write it as --header 'X-Api-Key: ${MY_KEY}'", when: `mcp-login login --header X-Api-Key $URL`, does: `export MY_KEY=k; mcp-login login --header 'X-Api-Key: ${MY_KEY}' $URL`},
		{hint: "set it where this program is started: in the environment, or in \"env\" of the client's entry", when: `mcp-login login --header 'X-Api-Key: ${MY_KEY}' $URL`, does: `export MY_KEY=k; mcp-login login --header 'X-Api-Key: ${MY_KEY}' $URL`},
		{hint: "the client has put an empty variable there; set it, or leave the header out to sign in", when: `mcp-login login --header 'Authorization: Bearer ' $URL`, does: `mcp-login login $URL`},
		{hint: "write it as --header-command 'X-Api-Key: op read op://vault/item/key'", when: `mcp-login login --header-command 'op read op' $URL`, does: `mcp-login login --header-command 'X-Api-Key: echo op' $URL`},
		{hint: "leave out one of them", when: `mcp-login login --header-command 'X-Api-Key: echo a' --header 'X-Api-Key: b' $URL`, does: `mcp-login login --header-command 'X-Api-Key: echo a' $URL`},
		{hint: "leave out the flag, or unset the variable", when: `export MCP_LOGIN_TOKEN=x; mcp-login login --token-command 'echo a' $URL`, before: `mcp-login login $URL; mcp-login token $URL >token`, does: `mcp-login login --token-command 'cat token' $URL`, then: `export MCP_LOGIN_TOKEN=$(cat token); mcp-login login $URL`},
		{hint: "name the shell as the program, such as: … \"sh -c 'op read op://vault/item | head -n 1'\"", before: `mcp-login login $URL; mcp-login token $URL >token`, when: `mcp-login tools --token-command 'cat token | head -n 1' $URL`, does: `mcp-login tools --token-command "sh -c 'cat token | head -n 1'" $URL`},
		{hint: "write the program and its arguments, with quotation marks around what holds blanks, such as: … 'op read \"op://my vault/item/key\"'", before: `mcp-login login $URL; mcp-login token $URL >'my token'`, when: `mcp-login tools --token-command 'cat "my token' $URL`, does: `mcp-login tools --token-command 'cat "my token"' $URL`},
		{hint: "give its whole path: hosts start programs with a shorter PATH than terminals have, the current folder is not searched, and ~ and $HOME are not replaced", before: `mcp-login login $URL; echo "mcp-login token $URL" >prints; chmod +x prints`, when: `mcp-login tools --token-command prints $URL`, does: `sed -i '1i#!/bin/sh' prints; mcp-login tools --token-command $HOME/prints $URL`},
		{hint: "run it in a terminal to see what it wants, such as a sign-in of its own; what it says is in the log of mcp-login", when: `mcp-login tools --token-command "mcp-login token --log-level error $URL" $URL`, does: `mcp-login token $URL || mcp-login login $URL`, then: `mcp-login tools --token-command "mcp-login token $URL" $URL`},
		{hint: "run it in a terminal to see whether it prints a token for this server, and one that has not ended", before: `echo old >token`, when: `mcp-login tools --token-command 'cat token' $URL`, does: `mcp-login login $URL; mcp-login token $URL >token`, then: `mcp-login tools --token-command 'cat token' $URL`},
		{hint: "let it print the bare token, without the word Bearer and without quotes; with az that is -o tsv, with gcloud --format='value(token)'", before: `mcp-login login $URL`, when: `mcp-login tools --token-command "mcp-login token --header-line $URL" $URL`, does: `mcp-login tools --token-command "mcp-login token $URL" $URL`},
		{hint: "give the bare token, without the word Bearer and without line breaks", before: `mcp-login login $URL; mcp-login token $URL >token`, when: `export MCP_LOGIN_TOKEN="Bearer $(cat token)"; mcp-login tools $URL`, does: `export MCP_LOGIN_TOKEN=$(cat token); mcp-login tools $URL`},
		{hint: "give a valid token in MCP_LOGIN_TOKEN, or unset it to sign in", when: `export MCP_LOGIN_TOKEN=old; mcp-login tools $URL`, does: `mcp-login login $URL`, then: `export MCP_LOGIN_TOKEN=$(mcp-login token $URL); mcp-login tools $URL`},
		{hint: "run: mcp-login call URL TOOL, or mcp-login tools URL to see which there are", when: `mcp-login call $URL`, does: `mcp-login tools $URL`, then: `mcp-login call $URL whoami`},
		{hint: "see: mcp-login tools …", when: `mcp-login call $URL nothing-like-it`},
		{hint: "did you mean: …", when: `mcp-login call $URL whoam`, does: `mcp-login call $URL whoami`},
		{hint: "run: mcp-login config CLIENT URL, config --list, or config --help", when: `mcp-login config`, does: `mcp-login config cursor $URL`, then: `mcp-login config --list`},
		{hint: "name the client whose form the file has", when: `mcp-login config --list --file f`, does: `echo '{}' >f; mcp-login config cursor --list --file f`},
		{hint: "known clients: …", when: `mcp-login config nobodys $URL`, does: `mcp-login config zed $URL`},
		{hint: "repair the file first; … cannot read it either", before: `echo '{"mcpServers":' >f`, when: `mcp-login config cursor $URL --write --file f`, does: `echo '{}' >f; mcp-login config cursor $URL --write --file f`},
		{hint: "change it by hand; run the command without --write to see the entry", before: `echo '{"mcpServers":[]}' >f`, when: `mcp-login config cursor $URL --write --file f`, does: `mcp-login config cursor $URL --file f`},
		{hint: "choose another --name, or add --replace", before: `echo '{}' >f; mcp-login config cursor https://a.example/mcp --name x --write --file f`, when: `mcp-login config cursor $URL --name x --write --file f`, does: `mcp-login config cursor $URL --name y --write --file f`, then: `mcp-login config cursor $URL --name x --replace --write --file f`},
		{hint: "run: mcp-login config --list …", before: `echo '{}' >f`, when: `mcp-login config cursor --remove x --write --file f`},
		{hint: "add --file", when: `unset HOME; mcp-login config cursor $URL --write`, does: `unset HOME; mcp-login config cursor $URL --write --file f`},
		{hint: "add --command", needs: noProcesses + `true`, when: noProcesses + `mcp-login config cursor $URL`, does: noProcesses + `mcp-login config cursor --command mcp-login $URL`},
		{hint: "add --copy, which puts a copy of it where it stays", before: `mkdir -p _npx; cp "$(command -v mcp-login)" _npx/`, when: `_npx/mcp-login config cursor $URL`, does: `_npx/mcp-login config cursor $URL --copy --write`},
		{hint: "remove it, and run this again", before: `mkdir -p .local/bin; ln -s /bin/true .local/bin/mcp-login`, when: `mcp-login config --copy --write`, does: `rm .local/bin/mcp-login; mcp-login config --copy --write`},
		{hint: "leave out --copy", when: `unset HOME; mcp-login config cursor $URL --copy`, does: `unset HOME; mcp-login config cursor $URL --file f`},
		{hint: "to make those of mcp-remote run mcp-login: mcp-login config --from-mcp-remote --write", before: `mkdir .cursor; echo '{"mcpServers":{"x":{"command":"npx","args":["-y","mcp-remote","'$URL'"]}}}' >.cursor/mcp.json`, when: `mcp-login config --list`, does: `mcp-login config --from-mcp-remote --write`, then: `! grep mcp-remote .cursor/mcp.json`},
		{hint: "mcp-remote has kept logins here; to take them over run: mcp-login import mcp-remote", lab: closed, before: `mkdir -p .cursor .mcp-auth/mcp-remote-v1; echo '{"mcpServers":{"x":{"command":"npx","args":["-y","mcp-remote","'$URL'"]}}}' >.cursor/mcp.json; f=.mcp-auth/mcp-remote-v1/$(printf %s $URL | md5sum | cut -c1-32); echo '{"client_id":"native-app"}' >${f}_client_info.json; echo '{"access_token":"a","issuer":"'$ISSUER'"}' >${f}_tokens.json`, when: `mcp-login config --from-mcp-remote --write; false`},
		{hint: "… plain files of mcp-remote are still there; to remove them: mcp-login import mcp-remote --delete…", lab: closed, before: `mkdir -p .mcp-auth/mcp-remote-v1; f=.mcp-auth/mcp-remote-v1/$(printf %s $URL | md5sum | cut -c1-32); echo '{"client_id":"native-app"}' >${f}_client_info.json; echo '{"access_token":"a","issuer":"'$ISSUER'"}' >${f}_tokens.json`, when: `mcp-login import mcp-remote --profile 'a b' --store file $URL`, then: `! ls .mcp-auth/mcp-remote-v1/*`},
		{hint: "only flags of mcp-login go there", when: `mcp-login config cursor $URL -- x`, does: `mcp-login config cursor $URL -- --profile x`},
		{hint: "leave out --detached-login", when: `mcp-login login --detached-login $URL </dev/null`, does: `mcp-login login $URL`},
		{hint: "the address that is registered at the provider, such as https://example.com/callback", when: `mcp-login login --redirect-uri http://example.com/callback $URL`, does: `mcp-login login --redirect-uri https://example.com/callback --timeout 1s $URL </dev/null`, still: "not finished in time"},
		{hint: "add the certificate that belongs to the key", before: certificate, when: `mcp-login login --client-cert-key key.pem $URL`, does: `mcp-login login --client-cert cert.pem --client-cert-key key.pem $URL`},
		{hint: "both files are PEM; a key with a passphrase is not supported", before: certificate, when: `echo x >bad; mcp-login login --client-cert cert.pem --client-cert-key bad $URL`, does: `mcp-login login --client-cert cert.pem --client-cert-key key.pem $URL`},
		{hint: "it must be PEM: -----BEGIN CERTIFICATE-----", before: certificate, when: `echo x >bad; mcp-login login --ca-file bad $URL`, does: `mcp-login login --ca-file cert.pem $URL`},
		{hint: "choose another --store", when: `mcp-login import mcp-remote --store memory`, does: `mcp-login import mcp-remote --store file`},
		{hint: "use auto, keyring, passphrase, file or memory", when: `export MCP_LOGIN_STORE=disk; mcp-login login $URL`, does: `export MCP_LOGIN_STORE=memory; mcp-login login $URL`},
		{hint: "give the whole path; ~ and variables are not expanded", when: `export MCP_LOGIN_DIR='~/x'; mcp-login login $URL`, does: `export MCP_LOGIN_DIR=$HOME/x; mcp-login login $URL`},
		{hint: "use https, or add --allow-http if the network is trusted: the token travels in the clear", when: `mcp-login login http://server.invalid/mcp`, does: `mcp-login login --allow-http http://server.invalid/mcp`, still: "no such host"},
		{hint: "leave them out: credentials in addresses end up in logs; use --header for an API key", when: `mcp-login login http://me:k@$HOST/mcp`, does: `mcp-login login --header 'X-Api-Key: k' $URL`},
		{hint: "leave out everything from # on", when: `mcp-login login $URL#top`, does: `mcp-login login $URL`},
		{hint: "write an international host name in its xn-- form", when: `mcp-login login https://bücher.invalid/mcp`, does: `mcp-login login https://xn--bcher-kva.invalid/mcp`, still: "no such host"},
		{hint: "ports are numbers from 1 to 65535", when: `mcp-login login http://127.0.0.1:99999/mcp`, does: `mcp-login login $URL`},
	}
}

// noProcesses is a place in which no program knows where it is.
const noProcesses = `unshare -rm sh -c 'mount -t tmpfs none /proc; exec "$@"' - `

// certificate makes a certificate and its key.
const certificate = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -subj /CN=me -days 2 2>/dev/null`
