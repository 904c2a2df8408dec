package interop

import (
	"io"
	"net/http"
	"strings"
)

// Dynamic registration (RFC 7591), which Logto has not.
var registrationRows = []row{
	{
		name: "native and public",
		want: "201 application_type:native client_id client_id_issued_at client_name grant_types:[authorization_code refresh_token] redirect_uris:[http://127.0.0.1:4000/callback] response_types:[code] token_endpoint_auth_method:none",
		play: registers(nativeBody),
	},
	{
		name: "defaults",
		want: "201 application_type:web client_id client_id_issued_at client_secret client_secret_expires_at:0 grant_types:[authorization_code] redirect_uris:[https://app.example/callback] response_types:[code] token_endpoint_auth_method:client_secret_basic",
		play: registers(`{"redirect_uris":["https://app.example/callback"]}`),
	},
	{
		name: "client_secret_basic",
		want: "201 application_type:web client_id client_id_issued_at client_secret client_secret_expires_at:0 grant_types:[authorization_code] redirect_uris:[https://app.example/callback] response_types:[code] token_endpoint_auth_method:client_secret_basic",
		play: registers(`{"redirect_uris":["https://app.example/callback"],"token_endpoint_auth_method":"client_secret_basic"}`),
	},
	{
		name: "client_secret_post",
		want: "201 application_type:web client_id client_id_issued_at client_secret client_secret_expires_at:0 grant_types:[authorization_code] redirect_uris:[https://app.example/callback] response_types:[code] token_endpoint_auth_method:client_secret_post",
		play: registers(`{"redirect_uris":["https://app.example/callback"],"token_endpoint_auth_method":"client_secret_post"}`),
	},
	{
		name: "for the device grant",
		want: "201 application_type:native client_id client_id_issued_at grant_types:[urn:ietf:params:oauth:grant-type:device_code] redirect_uris:[] response_types:[] token_endpoint_auth_method:none",
		play: registers(`{"redirect_uris":[],"response_types":[],"grant_types":["` + deviceGrant + `"],"token_endpoint_auth_method":"none","application_type":"native"}`),
	},
	{
		name: "for client_credentials",
		want: "201 application_type:web client_id client_id_issued_at client_secret client_secret_expires_at:0 grant_types:[client_credentials] redirect_uris:[] response_types:[] token_endpoint_auth_method:client_secret_basic",
		play: registers(`{"redirect_uris":[],"response_types":[],"grant_types":["client_credentials"]}`),
	},
	{
		name: "private scheme of a native client",
		want: "201 application_type:native client_id client_id_issued_at grant_types:[authorization_code] redirect_uris:[io.example.app:/callback] response_types:[code] token_endpoint_auth_method:none",
		play: registers(`{"redirect_uris":["io.example.app:/callback"],"application_type":"native","token_endpoint_auth_method":"none"}`),
	},
	{
		name: "refused: private scheme of a web client",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{"redirect_uris":["io.example.app:/callback"],"token_endpoint_auth_method":"none"}`),
	},
	{
		name: "refused: http elsewhere",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{"redirect_uris":["http://app.example/callback"],"application_type":"native","token_endpoint_auth_method":"none"}`),
	},
	{
		name: "refused: fragment",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{"redirect_uris":["https://app.example/callback#f"]}`),
	},
	{
		name: "refused: no URI",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{"redirect_uris":["callback"]}`),
	},
	{
		name: "refused: javascript",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{"redirect_uris":["javascript:alert(1)"],"application_type":"native"}`),
	},
	{
		name: "refused: none",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{"redirect_uris":[]}`),
	},
	{
		name: "refused: not there",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{}`),
	},
	{
		name: "refused: not a list",
		want: "400 invalid_redirect_uri error_description",
		play: registers(`{"redirect_uris":"https://app.example/callback"}`),
	},
	{
		name: "refused: application type",
		want: "400 invalid_client_metadata error_description",
		play: registers(`{"redirect_uris":["https://app.example/callback"],"application_type":"toaster"}`),
	},
	{
		name: "refused: authentication method",
		want: "400 invalid_client_metadata error_description",
		play: registers(`{"redirect_uris":["https://app.example/callback"],"token_endpoint_auth_method":"tls_client_auth"}`),
	},
	{
		name: "refused: grant type",
		want: "400 invalid_client_metadata error_description",
		play: registers(`{"redirect_uris":["https://app.example/callback"],"grant_types":["magic"]}`),
	},
	{
		name: "refused: no object",
		want: "400 invalid_request error_description",
		play: registers(`[]`),
	},
	{
		name: "refused: no JSON",
		want: "400 invalid_request error_description",
		play: registers(`{`),
	},
	{
		name: "refused: private_key_jwt without keys",
		want: "400 invalid_client_metadata error_description",
		play: registers(`{"redirect_uris":["https://app.example/callback"],"token_endpoint_auth_method":"private_key_jwt"}`),
	},
	{
		name: "then a login",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			id := p.well(register(p, nativeBody)).text("client_id")
			code := p.codeOf(request("client_id", id, "scope", "openid offline_access", "prompt", "consent"))
			return p.exchange(code, "client_id", id)
		},
	},
	{
		name: "then a login on another port",
		want: "303 to the client code iss state:state",
		play: func(p *party) answer {
			id := p.well(register(p, nativeBody)).text("client_id")
			return p.authorize(request("client_id", id, "redirect_uri", "http://127.0.0.1:9/callback"), "alice")
		},
	},
	{
		name: "then a login of a web client on another port",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: func(p *party) answer {
			id := p.well(register(p, `{"redirect_uris":["https://app.example/callback"],"token_endpoint_auth_method":"none"}`)).text("client_id")
			return p.authorize(request("client_id", id, "redirect_uri", "https://app.example:444/callback"), "alice")
		},
	},
	{
		name: "then the secret",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			a := p.well(register(p, `{"redirect_uris":["https://app.example/callback"]}`))
			return basic(a.text("client_id"), a.text("client_secret"), "grant_type", "authorization_code", "code", "x", "redirect_uri", "https://app.example/callback")(p)
		},
	},
}

const nativeBody = `{"client_name":"An MCP client","redirect_uris":["http://127.0.0.1:4000/callback"],"grant_types":["authorization_code","refresh_token"],
	"response_types":["code"],"token_endpoint_auth_method":"none","application_type":"native"}`

func registers(body string) func(*party) answer {
	return func(p *party) answer { return register(p, body) }
}

func register(p *party, body string) answer {
	p.Helper()
	a, _ := p.send(once(nil), http.MethodPost, p.endpoint("registration_endpoint"), nil, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/json")
	})
	return a
}

// Client ID metadata documents, which Logto can have.
var documentRows = []row{
	{
		name: "a login",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			id := p.document("/client.json")
			code := p.codeOf(request("client_id", id, "scope", "openid offline_access", "prompt", "consent"))
			return p.exchange(code, "client_id", id)
		},
	},
	{
		name: "another port",
		want: "303 to the client code iss state:state",
		play: described("/client.json", "redirect_uri", "http://127.0.0.1:9/callback"),
	},
	{
		name: "https redirect",
		want: "303 to the client code iss state:state",
		play: described("/client.json", "redirect_uri", "https://app.example/callback"),
	},
	{
		name: "another redirect",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: described("/client.json", "redirect_uri", "http://127.0.0.1:9/other"),
	},
	{
		name: "without application_type",
		want: "400 invalid_redirect_uri error_description iss state:state",
		own:  "303 to the client code iss state:state", because: "Logto section 6: a loopback redirect URI may have any port, whatever the type",
		play: described("/no-type.json"),
	},
	{
		name: "without authentication method",
		want: "400 invalid_client_metadata error_description iss state:state",
		play: described("/no-method.json"),
	},
	{
		name: "another ID inside",
		want: "400 invalid_client_metadata error_description iss state:state",
		play: described("/another-id.json"),
	},
	{
		name: "a secret to come",
		want: "400 invalid_client_metadata error_description iss state:state",
		play: described("/secret.json"),
	},
	{
		name: "a secret inside",
		want: "400 invalid_client_metadata error_description iss state:state",
		play: described("/secret-inside.json"),
	},
	{
		name: "moved",
		want: "400 invalid_client error_description iss state:state",
		play: described("/redirect.json"),
	},
	{
		name: "no JSON",
		want: "400 invalid_client error_description iss state:state",
		play: described("/no-json"),
	},
	{
		name: "too large",
		want: "400 invalid_client error_description iss state:state",
		play: described("/large.json"),
	},
	{
		name: "not there",
		want: "400 invalid_client error_description iss state:state",
		play: described("/nothing.json"),
	},
	{
		name: "a fragment",
		want: "400 invalid_client error_description iss state:state",
		play: described("/client.json#f"),
	},
	{
		name: "dot segments",
		want: "400 invalid_client error_description iss state:state",
		play: described("/a/../client.json"),
	},
	{
		name: "http elsewhere",
		want: "400 invalid_client error_description iss state:state",
		play: func(p *party) answer {
			return p.authorize(request("client_id", "http://client.example/client.json"), "alice")
		},
	},
	{
		name: "nobody listens",
		want: "400 invalid_client error_description iss state:state",
		play: func(p *party) answer {
			return p.authorize(request("client_id", "https://127.0.0.1:1/client.json"), "alice")
		},
	},
	{
		name: "at the token endpoint",
		want: "400 invalid_client error_description",
		play: func(p *party) answer { return form("client_id", p.document("/nothing.json"))(p) },
	},
}

func (p *party) document(path string) string { return p.world.documents.URL + path }

func described(path string, pairs ...string) func(*party) answer {
	return func(p *party) answer {
		return p.authorize(request(append([]string{"client_id", p.document(path)}, pairs...)...), "alice")
	}
}
