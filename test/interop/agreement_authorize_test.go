package interop

// The authorization endpoint (RFC 6749 section 4.1.1, 7636, 8252, 8707, 9207).
var authorizeRows = []row{
	{
		name: "a login",
		want: "303 to the client code iss state:state",
		play: login(),
	},
	{
		name: "without state",
		want: "303 to the client code iss",
		play: login("state", ""),
	},
	{
		name: "refused by the person",
		want: "303 to the client access_denied error_description iss state:state",
		play: refused(),
	},
	{
		name: "no PKCE",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("code_challenge", "", "code_challenge_method", ""),
	},
	{
		name: "plain PKCE",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("code_challenge_method", "plain"),
	},
	{
		name: "challenge without method",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("code_challenge_method", ""),
	},
	{
		name: "method without challenge",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("code_challenge", ""),
	},
	{
		name: "short challenge",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("code_challenge", "short"),
	},
	{
		name: "no PKCE with client_secret_basic",
		want: "303 to the client code iss state:state",
		play: login("client_id", "basic", "redirect_uri", "https://app.example/callback", "code_challenge", "", "code_challenge_method", ""),
	},
	{
		name: "no PKCE with client_secret_post",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("client_id", "post", "redirect_uri", "https://app.example/callback", "code_challenge", "", "code_challenge_method", ""),
	},
	{
		name: "unknown client",
		want: "400 invalid_client error_description iss state:state",
		play: login("client_id", "nobody"),
	},
	{
		name: "no client",
		want: "400 invalid_request error_description iss state:state",
		play: login("client_id", ""),
	},
	{
		name: "no redirect URI",
		want: "400 invalid_request error_description iss state:state",
		play: login("redirect_uri", ""),
	},
	{
		name: "another port on loopback",
		want: "303 to the client code iss state:state",
		play: login("redirect_uri", "http://127.0.0.1:9/callback"),
	},
	{
		name: "localhost, registered",
		want: "303 to the client code iss state:state",
		play: login("redirect_uri", "http://localhost:9/callback"),
	},
	{
		name: "another path",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("redirect_uri", "http://127.0.0.1:49152/other"),
	},
	{
		name: "a slash more",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("redirect_uri", theCallback+"/"),
	},
	{
		name: "a query more",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("redirect_uri", theCallback+"?a=b"),
	},
	{
		name: "a fragment",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("redirect_uri", theCallback+"#f"),
	},
	{
		name: "https on loopback",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("redirect_uri", "https://127.0.0.1:49152/callback"),
	},
	{
		name: "[::1], not registered",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("redirect_uri", "http://[::1]:49152/callback"),
	},
	{
		name: "127.0.0.2",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("redirect_uri", "http://127.0.0.2:49152/callback"),
	},
	{
		name: "another port of a web client",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("client_id", "spa", "redirect_uri", "https://app.example:444/callback"),
	},
	{
		name: "a client without the code grant",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("client_id", "device"),
	},
	{
		name: "response_type token",
		want: "303 to the client in the fragment unsupported_response_type error_description iss state:state",
		play: login("response_type", "token"),
	},
	{
		name: "response_type id_token",
		want: "303 to the client in the fragment invalid_request error_description iss state:state",
		play: login("response_type", "id_token", "nonce", "n"),
	},
	{
		name: "no response_type",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("response_type", ""),
	},
	{
		name: "unknown response_type",
		want: "303 to the client unsupported_response_type error_description iss state:state",
		play: login("response_type", "cod"),
	},
	{
		name: "unknown response_mode",
		want: "303 to the client unsupported_response_mode error_description iss state:state",
		play: login("response_mode", "smoke"),
	},
	{
		name: "unknown prompt",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("prompt", "smoke"),
	},
	{
		name: "prompt none and login",
		want: "303 to the client invalid_request error_description iss state:state",
		play: login("prompt", "none login"),
	},
	{
		name: "prompt none without a session",
		want: "303 to the client login_required error_description iss state:state",
		play: login("prompt", "none"),
	},
	{
		name: "unknown scope",
		want: "303 to the client code iss state:state",
		play: login("scope", "openid foo:bar"),
	},
	{
		name: "no scope",
		want: "303 to the client access_denied iss state:state",
		play: login("scope", ""),
	},
	{
		name: "scope without openid",
		want: "303 to the client code iss state:state",
		play: login("scope", "offline_access", "prompt", "consent"),
	},
	{
		name: "unknown resource",
		want: "303 to the client invalid_target error_description iss state:state",
		play: login("resource", "http://localhost:8080/wrong"),
	},
	{
		name: "resource with a slash more",
		want: "303 to the client invalid_target error_description iss state:state",
		play: login("resource", theResource+"/"),
	},
	{
		name: "relative resource",
		want: "303 to the client invalid_target error_description iss state:state",
		play: login("resource", "mcp"),
	},
	{
		name: "resource with a fragment",
		want: "303 to the client invalid_target error_description iss state:state",
		play: login("resource", theResource+"#f"),
	},
	{
		name: "two resources",
		want: "303 to the client code iss state:state",
		play: func(p *party) answer {
			q := request("scope", "openid mcp:read")
			q["resource"] = []string{theResource, otherResource}
			return p.authorize(q, "alice")
		},
	},
	{
		name: "state twice",
		want: "303 to the client invalid_request error_description iss",
		play: twice("state", "a", "b"),
	},
	{
		name: "client_id twice",
		want: "400 invalid_request error_description iss state:state",
		play: twice("client_id", "native", "other"),
	},
	{
		name: "by POST",
		want: "404",
		own:  "404 invalid_request error_description", because: "Logto section 3: the 404 of a route that is not there is JSON",
		play: func(p *party) answer {
			return p.post(p.endpoint("authorization_endpoint"), request("prompt", "none"))
		},
	},
}

// login is the request of "native", changed by pairs, as alice.
func login(pairs ...string) func(*party) answer {
	return func(p *party) answer { return p.authorize(request(pairs...), "alice") }
}

func refused(pairs ...string) func(*party) answer {
	return func(p *party) answer { return p.authorize(request(pairs...), "") }
}

func twice(name, one, two string) func(*party) answer {
	return func(p *party) answer {
		q := request()
		q[name] = []string{one, two}
		return p.authorize(q, "alice")
	}
}
