package providers

import (
	"net/url"
	"slices"
	"strings"
)

// row is a line of docs/providers.md.
type row struct{ provider, does, we, flags string }

// beside is the address of a resource's metadata (RFC 9728, section 3.1).
func beside(server string) string {
	u, _ := url.Parse(server)
	return u.Scheme + "://" + u.Host + "/.well-known/oauth-protected-resource" + strings.TrimSuffix(u.Path, "/")
}

// of is a server of a provider, with its metadata where a resource's is.
func of(server, issuer string, docs map[string]any, own provider) fake {
	docs[beside(server)] = resource(strings.Split(server, "?")[0], issuer)
	return fake{url: server, docs: docs, provider: own}
}

// client is the words for a client registered by hand, in mcp-remote's form.
func client(secret string) string {
	if secret == "" {
		return `--host localhost --static-oauth-client-info {"client_id":"app"}`
	}
	return `--host localhost --static-oauth-client-info {"client_id":"app","client_secret":"` + secret + `"}`
}

var byHand = map[string]string{"app": ""}

// keeping is a login that needs words once, and none afterwards.
func keeping(words string, w want, checks ...check) []step {
	return []step{{words: words, want: w, check: checks}, {words: words, before: (*world).endTokens, check: []check{tabs(1)}}}
}

// pinned is a client with a secret, whose provider is on another site than the
// server: at first contact the issuer must be named.
func pinned(issuer string, checks ...check) []step {
	words := client("s3cret")
	return []step{
		{words: words, want: refused(`--issuer ` + issuer), check: []check{came("token", 0), came("authorize", 0)}, ours: true},
		{words: words + " --issuer " + issuer, check: checks, ours: true},
		{words: words + " --issuer " + issuer, before: (*world).endTokens, check: []check{tabs(1)}, ours: true},
	}
}

const (
	tenant   = "0a1b2c3d-0000-4000-8000-000000000000"
	entraURL = "https://login.microsoftonline.com/" + tenant
)

// entra is one of Microsoft's clouds: no registration, no methods of PKCE, an
// approval page for prompt=consent, a resource that must fit the scopes, and
// scopes at each refresh.
func entra(host, list, issuer string) fake {
	base := "https://" + host + "/" + tenant + "/oauth2/v2.0"
	f := of(at, list, map[string]any{
		list + "/.well-known/openid-configuration": metadata(issuer, "base", base, "registration_endpoint", nil, "code_challenge_methods_supported", nil,
			"token_endpoint_auth_methods_supported", []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
			"scopes_supported", []string{"openid", "profile", "email", "offline_access"}),
	}, provider{clients: byHand, granted: doc{"scope": "api://app/mcp.tools api://app/.default", "ext_expires_in": 3600}})
	f.docs[prmAt] = resource(at, list).with("scopes_supported", []string{"api://app/mcp.tools"})
	f.authorize = func(_ *world, r *request) *answer {
		switch {
		case r.query.Get("prompt") == "consent":
			return &answer{body: "<html>Need admin approval</html>"}
		case r.query.Has("resource"):
			a := redirectBack(r, "error", "invalid_target", "error_description", "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes.")
			return &a
		}
		return nil
	}
	f.refresh = func(_ *world, r *request) *answer {
		if r.form.Get("scope") == "" {
			return oauthError(400, "invalid_request", "AADSTS90009: Application is requesting a token for itself.")
		}
		return nil
	}
	return f
}

var entraRow = &row{
	"Microsoft Entra ID", "no registration, no methods of PKCE listed, `prompt=consent` leads to an approval page, `resource` is refused beside scopes (AADSTS9010010), scopes at each refresh (AADSTS90009)",
	"sends S256 and says that it was not promised, leaves `prompt` out in all clouds, repeats the requested scopes at refresh", "`--client-id`, `--no-resource`",
}

// entraSteps: the resource is refused with the way past it, which then lasts.
func entraSteps(more string) []step {
	return []step{
		{words: client("") + more, want: refused(`--(no-)?resource`, "AADSTS9010010"), ours: more != ""},
		{words: client("") + more + " --no-resource", check: []check{lastSent("authorize", "prompt", ""), lastSent("authorize", "resource", "")}, ours: more != ""},
		{words: client("") + more + " --no-resource", before: (*world).endTokens, check: []check{tabs(2)}, ours: more != ""},
		{words: client("") + more + " --no-resource", before: (*world).endTokens, check: []check{tabs(2)}, ours: more != ""},
	}
}

var slackFake = func() fake {
	f := of("https://mcp.slack.com/mcp", "https://mcp.slack.com", map[string]any{
		"https://mcp.slack.com/.well-known/oauth-authorization-server": doc{
			"issuer": "https://slack.com", "authorization_endpoint": "https://slack.com/oauth/v2_user/authorize", "token_endpoint": "https://slack.com/api/oauth.v2.user.access",
			"code_challenge_methods_supported": []string{"S256"}, "grant_types_supported": []string{"authorization_code", "refresh_token"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_post"}, "response_types_supported": []string{"code"},
		},
	}, provider{clients: map[string]string{"app": "s3cret"}, granted: doc{"ok": true, "token_type": "user", "scope": "channels:history,users:read", "expires_in": 43200}})
	f.refresh = func(w *world, _ *request) *answer {
		if len(w.refreshs) == 0 {
			return &answer{body: doc{"ok": false, "error": "invalid_refresh_token"}}
		}
		return nil
	}
	return f
}()

var (
	atlassianV1 = fake{url: "https://mcp.atlassian.com/v1/mcp", docs: map[string]any{
		"https://mcp.atlassian.com/.well-known/oauth-authorization-server": metadata("https://cf.mcp.atlassian.com", "base", "https://cf.mcp.atlassian.com/v1", "authorization_endpoint", "https://mcp.atlassian.com/v1/authorize"),
	}}
	atlassianV2 = of("https://mcp.atlassian.com/v1/mcp/authv2", "https://auth.atlassian.com/VCeDsk8ZHncYF1g234fKtc4l", map[string]any{
		"https://auth.atlassian.com/VCeDsk8ZHncYF1g234fKtc4l/.well-known/openid-configuration":       metadata("https://auth.atlassian.com", "token_endpoint", "https://auth.atlassian.com/oauth/token"),
		"https://auth.atlassian.com/.well-known/oauth-authorization-server/VCeDsk8ZHncYF1g234fKtc4l": metadata("https://auth.atlassian.com", "token_endpoint", "https://auth.atlassian.com/oauth/token"),
	}, provider{})
)

var figmaFake = func() fake {
	f := of("https://mcp.figma.com/mcp", "https://api.figma.com", map[string]any{
		"https://api.figma.com/.well-known/oauth-authorization-server": metadata("https://api.figma.com", "authorization_endpoint", "https://www.figma.com/oauth/mcp", "token_endpoint", "https://api.figma.com/v1/oauth/token",
			"registration_endpoint", "https://api.figma.com/v1/oauth/mcp/register", "token_endpoint_auth_methods_supported", []string{"client_secret_basic", "client_secret_post", "none"}, "scopes_supported", []string{"mcp:connect"}),
	}, provider{registered: doc{"client_secret": "s3cret", "token_endpoint_auth_method": "none"}, authenticate: byForm})
	f.register = onList(403, "Forbidden").register
	return f
}()

var providerCases = []example{
	{
		name: "provider/google", seen: googleSlash, fake: func() fake {
			f := of("https://drivemcp.googleapis.com/mcp/v1", "https://accounts.google.com/", map[string]any{
				"https://accounts.google.com/.well-known/oauth-authorization-server": metadata("https://accounts.google.com", "authorization_endpoint", "https://accounts.google.com/o/oauth2/v2/auth",
					"token_endpoint", "https://oauth2.googleapis.com/token", "revocation_endpoint", "https://oauth2.googleapis.com/revoke", "registration_endpoint", nil,
					"token_endpoint_auth_methods_supported", []string{"client_secret_post", "client_secret_basic"}, "code_challenge_methods_supported", []string{"plain", "S256"}),
			}, provider{clients: map[string]string{"app": "s3cret"}, iss: "https://accounts.google.com"})
			return halfOpen(f)
		}(),
		steps: pinned("https://accounts.google.com"),
		row: &row{
			"Google", "lists `https://accounts.google.com/` and calls itself `https://accounts.google.com`; no registration; `tools/list` is open, calls are not",
			"takes both for one issuer; the client's secret goes to another site than the server's, so the issuer is named once", "`--client-id`, a secret, `--issuer https://accounts.google.com`",
		},
	},
	{
		name: "provider/atlassian-v1", seen: otherHost + "; atlassian-mcp-server#148", fake: atlassianV1,
		steps: accepting("https://cf.mcp.atlassian.com", "", `--accept-issuer https://cf\.mcp\.atlassian\.com`, "fails"),
		row: &row{
			"Atlassian, `/v1/mcp`", "no protected-resource metadata; what the server's origin publishes calls itself `https://cf.mcp.atlassian.com`",
			"refuses, and prints the flag that accepts this name", "`--accept-issuer https://cf.mcp.atlassian.com`",
		},
	},
	{
		name: "provider/atlassian-authv2", seen: authv2, fake: atlassianV2,
		steps: accepting("https://auth.atlassian.com", "", `--accept-issuer https://auth\.atlassian\.com`, "fails"),
		row: &row{
			"Atlassian, `/v1/mcp/authv2`", "lists an issuer with a tenant's path; its document leaves the path out", "refuses, and prints the flag that accepts this name", "`--accept-issuer https://auth.atlassian.com`",
		},
	},
	{
		name: "provider/slack", seen: otherHost + "; claude-code#59725, slack-skills-plugin#7", fake: slackFake,
		steps: []step{
			{words: client("s3cret"), want: refused(`--accept-issuer https://slack\.com`), refs: "fails"},
			{words: client("s3cret") + " --accept-issuer https://slack.com", ours: true},
			{words: client("s3cret") + " --accept-issuer https://slack.com", before: (*world).endTokens, check: []check{tabs(1)}, ours: true},
			{words: client("s3cret") + " --accept-issuer https://slack.com", before: (*world).endGrants, check: []check{tabs(2)}, ours: true},
		},
		row: &row{
			"Slack", "metadata at `mcp.slack.com` calls itself `https://slack.com`; no registration; tokens of type `user`; errors with status 200 and `\"ok\":false`",
			"refuses the name until it is accepted, uses the token, takes the errors for what they are", "`--client-id`, a secret, `--accept-issuer https://slack.com`",
		},
	},
	{
		name: "provider/context7", seen: "context7#2723", fake: of("https://mcp.context7.com/mcp/oauth", "https://context7.com", map[string]any{
			"https://context7.com/.well-known/oauth-authorization-server": metadata("https://clerk.context7.com"),
		}, provider{}),
		steps: accepting("https://clerk.context7.com", "", `--accept-issuer https://clerk\.context7\.com`, "fails"),
		row: &row{
			"Context7, Skyvern and others behind Clerk", "list the site and publish Clerk's document", "refuses, and prints the flag that accepts this name", "`--accept-issuer https://clerk.context7.com`",
		},
	},
	not("provider/higgsfield", "higgsfield-ai/cli#68: the redirect bears the iss of the provider behind a facade", func() fake {
		f := of("https://mcp.higgsfield.ai/mcp", "https://mcp.higgsfield.ai", map[string]any{
			"https://mcp.higgsfield.ai/.well-known/oauth-authorization-server": metadata("https://mcp.higgsfield.ai", "base", "https://mcp.higgsfield.ai/oauth2"),
		}, provider{iss: "https://clerk.higgsfield.ai"})
		return f
	}(), "", refused("", "another issuer"), came("token", 0)),
	{
		name: "provider/figma", seen: figma, fake: figmaFake,
		steps: []step{
			{want: refused(`--client-name`), check: []check{came("register", 1)}},
			{words: "--client-name Claude~Code", check: []check{tabs(1)}, ours: true},
			{before: (*world).endTokens, check: []check{tabs(1), came("register", 2)}, ours: true},
		},
		row: &row{
			"Figma", "registers only clients whose `client_name` it knows (403); gives them a secret beside the method `none`, and demands it",
			"says which flag chooses the name, and uses the secret", "`--client-name`, or mcp-remote's `--static-oauth-client-metadata`",
		},
	},
	{
		name: "provider/github", seen: "junior#620; github-mcp-server's own metadata", fake: func() fake {
			f := of("https://api.githubcopilot.com/mcp/", "https://github.com/login/oauth", map[string]any{
				"https://github.com/.well-known/oauth-authorization-server/login/oauth": metadata("https://github.com/login/oauth", "token_endpoint", "https://github.com/login/oauth/access_token", "registration_endpoint", nil,
					"token_endpoint_auth_methods_supported", nil),
			}, provider{clients: map[string]string{"app": "s3cret"}, authenticate: byForm, granted: doc{"token_type": "bearer", "scope": "repo,user", "expires_in": 28800, "refresh_token_expires_in": 15897600}})
			f.challenge = `Bearer error="invalid_request", error_description="No access token was provided in this request", resource_metadata="https://api.githubcopilot.com/.well-known/oauth-protected-resource/mcp/"`
			f.docs["https://api.githubcopilot.com/.well-known/oauth-protected-resource/mcp/"] = resource("https://api.githubcopilot.com/mcp", "https://github.com/login/oauth")
			f.exchange = func(_ *world, r *request) *answer {
				if r.form.Get("client_secret") != "s3cret" {
					return &answer{body: doc{"error": "incorrect_client_credentials", "error_description": "The client_id and/or client_secret passed are incorrect."}}
				}
				return nil
			}
			f.refresh = func(w *world, _ *request) *answer {
				if len(w.refreshs) == 0 {
					return &answer{body: doc{"error": "bad_refresh_token", "error_description": "The refresh token passed is incorrect or expired."}}
				}
				return nil
			}
			return f
		}(),
		steps: append(pinned("https://github.com/login/oauth"), step{
			words: client("s3cret") + " --issuer https://github.com/login/oauth", before: (*world).endGrants, check: []check{tabs(2)}, ours: true,
		}),
		row: &row{
			"GitHub", "no registration; a secret in the form, though its metadata says nothing of it; errors with status 200 (`bad_refresh_token`)",
			"takes the error for a refusal and asks for a new sign-in; the secret goes to another site than the server's, so the issuer is named once", "`--client-id`, a secret, `--issuer https://github.com/login/oauth`",
		},
	},
	{
		name: "provider/supabase", seen: "Supabase: auth#2829", fake: func() fake {
			f := of("https://mcp.supabase.com/mcp", "https://api.supabase.com", map[string]any{
				"https://api.supabase.com/.well-known/oauth-authorization-server": metadata("https://api.supabase.com", "base", "https://api.supabase.com/v1/oauth", "registration_endpoint", "https://api.supabase.com/platform/oauth/apps/register"),
			}, provider{})
			f.refresh = func(w *world, _ *request) *answer {
				if len(w.refreshs) == 0 {
					return &answer{status: 400, body: doc{"code": 400, "error_code": "refresh_token_not_found", "msg": "Invalid Refresh Token: Refresh Token Not Found"}}
				}
				return nil
			}
			return f
		}(),
		steps: []step{{}, {before: (*world).endTokens, check: []check{tabs(1)}}, {before: (*world).endGrants, check: []check{tabs(2)}, refs: "works"}},
		row:   &row{"Supabase", "refuses a dead refresh token in words of its own (`error_code`)", "takes it for a refusal and asks for a new sign-in", ""},
	},
	{name: "provider/entra-v2", seen: "Entra: mcp-remote#357, typescript-sdk#2718, claude-code#89862, #94804", fake: entra("login.microsoftonline.com", entraURL+"/v2.0", entraURL+"/v2.0"), steps: entraSteps(""), row: entraRow},
	{
		name: "provider/entra-v1", seen: "Entra's v1.0 endpoints: the issuer is another host", fake: entra("login.microsoftonline.com", entraURL, "https://sts.windows.net/"+tenant+"/"),
		steps: slices.Concat([]step{{words: client(""), want: want{code: 1002, says: []string{"https://sts.windows.net/" + tenant + "/"}, not: []string{"--accept-issuer https://sts"}}}}, entraSteps(" --accept-issuer https://sts.windows.net/"+tenant+"/")),
		row:   &row{"Entra, v1.0 metadata", "calls itself `https://sts.windows.net/TENANT/`", "refuses; the two are of different sites, so the flag is described and not offered to copy", "`--accept-issuer https://sts.windows.net/TENANT/`"},
	},
	{
		name: "provider/entra-common", seen: "Entra common: codex#38973", fake: entra("login.microsoftonline.com", "https://login.microsoftonline.com/common/v2.0", "https://login.microsoftonline.com/{tenantid}/v2.0"),
		steps: slices.Concat([]step{{words: client(""), want: refused("--accept-issuer", "https://login.microsoftonline.com/{tenantid}/v2.0"), refs: "fails"}}, entraSteps(" --accept-issuer https://login.microsoftonline.com/{tenantid}/v2.0")),
		row:   &row{"Entra, `common` and `organizations`", "its issuer is a template, `https://login.microsoftonline.com/{tenantid}/v2.0`", "refuses, and says which flag accepts the template", "`--accept-issuer 'https://login.microsoftonline.com/{tenantid}/v2.0'`"},
	},
	{name: "provider/entra-us", seen: "Entra in all clouds", fake: entra("login.microsoftonline.us", "https://login.microsoftonline.us/"+tenant+"/v2.0", "https://login.microsoftonline.us/"+tenant+"/v2.0"), steps: entraSteps("")},
	{name: "provider/entra-china", seen: "Entra in all clouds", fake: entra("login.partner.microsoftonline.cn", "https://login.partner.microsoftonline.cn/"+tenant+"/v2.0", "https://login.partner.microsoftonline.cn/"+tenant+"/v2.0"), steps: entraSteps("")},
	{name: "provider/entra-external-id", seen: "Entra in all clouds", fake: entra("contoso.ciamlogin.com", "https://contoso.ciamlogin.com/"+tenant+"/v2.0", "https://contoso.ciamlogin.com/"+tenant+"/v2.0"), steps: entraSteps("")},
	{
		name: "provider/cognito", seen: silent, fake: of(at, "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AgdfSmUsg", map[string]any{
			"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AgdfSmUsg/.well-known/openid-configuration": metadata("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AgdfSmUsg", "base", "https://acme.auth.eu-west-1.amazoncognito.com/oauth2",
				"registration_endpoint", nil, "code_challenge_methods_supported", nil, "grant_types_supported", nil, "revocation_endpoint", "https://acme.auth.eu-west-1.amazoncognito.com/oauth2/revoke"),
		}, provider{clients: byHand, granted: doc{"id_token": "x.y.z"}}),
		steps: keeping(client(""), want{says: []string{"PKCE"}}),
		row:   &row{"Amazon Cognito, AgentCore gateways", "no registration, no methods of PKCE listed", "sends S256 and says that it was not promised", "`--client-id`"},
	},
	{
		name: "provider/aws", seen: purged + "; vercel/ai#17334; CommandCodeAI/command-code#692", fake: func() fake {
			f := of("https://aws-mcp.us-east-1.api.aws/mcp?oauth=initialize", "https://us-east-1.oauth.signin.aws", map[string]any{
				"https://us-east-1.oauth.signin.aws/.well-known/oauth-authorization-server": metadata("https://us-east-1.oauth.signin.aws", "base", "https://us-east-1.oauth.signin.aws/v1", "code_challenge_methods_supported", nil),
			}, provider{})
			f.authorize = func(w *world, r *request) *answer {
				w.mu.Lock()
				defer w.mu.Unlock()
				if _, known := w.known[r.query.Get("client_id")]; !known {
					return &loginPage // the fault is shown behind the password
				}
				if r.query.Get("resource") != "https://aws-mcp.us-east-1.api.aws/mcp" {
					return &answer{status: 400, body: "<html>Bad Request</html>"}
				}
				return nil
			}
			f.refresh = func(*world, *request) *answer { return oauthError(400, "TOKEN_EXPIRED", "") }
			return f
		}(),
		steps: []step{
			{want: want{says: []string{"PKCE"}}},
			{before: (*world).forgetClients, words: "--timeout 5s", want: refused(`regist`, "not finished in time")},
			{verb: "login URL", check: []check{came("register", 2)}, ours: true},
		},
		row: &row{"AWS Sign-In (AWS MCP)", "no methods of PKCE listed; forgets registered clients after weeks, and says so only behind the password", "sends S256 and says that it was not promised; registers anew after a sign-in that nobody could finish", ""},
	},
	{
		name: "provider/hubspot", seen: "mcporter#132, awesome-remote-mcp-servers#56", fake: of("https://mcp.hubspot.com", "https://mcp.hubspot.com", map[string]any{
			"https://mcp.hubspot.com/.well-known/oauth-authorization-server": metadata("https://mcp.hubspot.com", "authorization_endpoint", "https://mcp.hubspot.com/oauth/authorize/user", "token_endpoint", "https://mcp.hubspot.com/oauth/v3/token", "registration_endpoint", nil,
				"token_endpoint_auth_methods_supported", []string{"client_secret_post"}),
		}, provider{clients: map[string]string{"app": "s3cret"}, authenticate: byForm}),
		steps: append([]step{{want: refused(`--client-id`)}}, keeping(client("s3cret"), works, sent("token", "client_secret", "s3cret"))...),
		row:   &row{"HubSpot", "no registration; a client with a secret", "says what to register, and uses it", "`--client-id`, a secret"},
	},
	{
		name: "provider/salesforce", seen: "forcedotcom/mcp-hosted#24, #44, #47", fake: func() fake {
			const url = "https://api.salesforce.com/platform/mcp/v1/platform/sobject-reads"
			f := of(url, url, map[string]any{
				"https://api.salesforce.com/.well-known/oauth-authorization-server/platform/mcp/v1/platform/sobject-reads": metadata("https://login.salesforce.com", "base", "https://login.salesforce.com/services/oauth2",
					"registration_endpoint", nil, "code_challenge_methods_supported", nil, "scopes_supported", []string{"mcp_api", "refresh_token"}),
			}, provider{clients: byHand, granted: doc{"expires_in": nil, "instance_url": "https://acme.my.salesforce.com", "issued_at": "1788000000000", "signature": "x"}})
			return f
		}(),
		steps: []step{
			{words: client(""), want: refused(`--accept-issuer https://login\.salesforce\.com`), refs: ""},
			{words: client("") + " --accept-issuer https://login.salesforce.com", want: want{says: []string{"PKCE"}}, ours: true},
			{words: client("") + " --accept-issuer https://login.salesforce.com", before: (*world).endTokens, check: []check{tabs(1)}, ours: true},
		},
		row: &row{"Salesforce", "lists the server's own address; the document there calls itself `https://login.salesforce.com`; no registration, no methods of PKCE in sandboxes, tokens without `expires_in`", "refuses the name until it is accepted, then goes on", "`--client-id`, `--accept-issuer https://login.salesforce.com`"},
	},
	{
		name: "provider/okta", seen: "Okta's documentation: the registration endpoint wants an API token", fake: func() fake {
			const issuer = "https://dev-1.okta.com/oauth2/default"
			f := of(at, issuer, map[string]any{
				"https://dev-1.okta.com/.well-known/oauth-authorization-server/oauth2/default": 404,
				issuer + "/.well-known/oauth-authorization-server":                             metadata(issuer, "base", issuer+"/v1", "registration_endpoint", "https://dev-1.okta.com/oauth2/v1/clients"),
				issuer + "/.well-known/openid-configuration":                                   metadata(issuer, "base", issuer+"/v1", "registration_endpoint", "https://dev-1.okta.com/oauth2/v1/clients", "scopes_supported", []string{"openid", "offline_access"}),
			}, provider{clients: byHand})
			f.register = func(*world, *request) *answer {
				return &answer{status: 403, body: doc{"errorCode": "E0000005", "errorSummary": "Invalid session"}}
			}
			return f
		}(),
		steps: append([]step{{want: refused(`--client-id`, "Invalid session")}}, keeping(client(""), works, came("register", 1))...),
		row:   &row{"Okta", "publishes a registration endpoint that wants an API token (403)", "says so, and what to register", "`--client-id`"},
	},
	{
		name: "provider/auth0", seen: "Auth0's documentation: audience instead of resource; an issuer with a slash", fake: func() fake {
			f := of(at, "https://acme.us.auth0.com/", map[string]any{
				"https://acme.us.auth0.com/.well-known/openid-configuration": metadata("https://acme.us.auth0.com/", "token_endpoint", "https://acme.us.auth0.com/oauth/token", "registration_endpoint", "https://acme.us.auth0.com/oidc/register",
					"scopes_supported", []string{"openid", "profile", "offline_access"}),
			}, provider{iss: "https://acme.us.auth0.com/"})
			f.exchange = func(w *world, r *request) *answer {
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.codes[r.form.Get("code")].Get("audience") == "" { // a token for nobody
					return &answer{body: doc{"access_token": "opaque", "token_type": "Bearer", "expires_in": 86400}}
				}
				return nil
			}
			return f
		}(),
		steps: []step{
			{want: refused("audience", "refused a token")},
			{words: "--authorize-param audience=" + at, check: []check{lastSent("authorize", "audience", at)}},
		},
		row: &row{"Auth0", "an issuer with a slash; wants `audience`, unless its resource parameter profile is on", "says which audience the token lacks, and sends the parameter", "`--auth-param audience=…`"},
	},
	{
		name: "provider/keycloak", seen: "keycloak#39629; akb#635; Keycloak's documentation", fake: func() fake {
			const realm = "https://kc.example.com/realms/mcp"
			return of(at, realm, map[string]any{
				realm + "/.well-known/openid-configuration": metadata(realm, "base", realm+"/protocol/openid-connect", "authorization_endpoint", realm+"/protocol/openid-connect/auth", "registration_endpoint", realm+"/clients-registrations/openid-connect",
					"authorization_response_iss_parameter_supported", true, "code_challenge_methods_supported", []string{"plain", "S256"}),
			}, provider{
				iss:     realm,
				granted: doc{"not-before-policy": 0, "refresh_expires_in": 1800, "session_state": "x"},
				registered: doc{
					"client_secret": "s3cret", "client_secret_expires_at": 0, "token_endpoint_auth_method": "client_secret_basic", "registration_client_uri": realm + "/clients-registrations/openid-connect/client-1",
					"registration_access_token": "eyJ.eyJ.x", "subject_type": "public", "require_auth_time": false,
				},
			})
		}(),
		steps: keeping("", works, came("register", 1)),
		row:   &row{"Keycloak", "a rich answer to the registration, with a secret; by default refuses strangers (`Trusted Hosts`)", "uses what it gets; prints the reason of a refusal", "`--client-id` where registration is closed"},
	},
	not("provider/keycloak-trusted-hosts", "akb#635", func() fake {
		f := usual()
		f.register = func(*world, *request) *answer {
			return oauthError(403, "insufficient_scope", "Policy 'Trusted Hosts' rejected request to client-registration service. Details: Host not trusted.")
		}
		return f
	}(), "", refused("--client-id", "Trusted Hosts")),
	{
		name: "provider/logto", seen: "Logto, measured", fake: func() fake {
			const issuer = "https://acme.logto.app/oidc"
			f := of(at, issuer, map[string]any{
				issuer + "/.well-known/openid-configuration": metadata(issuer, "authorization_endpoint", issuer+"/auth", "registration_endpoint", nil, "scopes_supported", []string{"openid", "offline_access", "profile"}, "authorization_response_iss_parameter_supported", true),
			}, provider{clients: byHand, iss: issuer})
			f.authorize = func(_ *world, r *request) *answer {
				if r.query.Get("resource") != at {
					a := redirectBack(r, "error", "invalid_target", "iss", issuer)
					return &a
				}
				return nil
			}
			return f
		}(),
		steps: append([]step{{want: refused(`--client-id`)}}, keeping(client(""), works, sent("authorize", "prompt", "consent"), sent("token", "resource", at))...),
		row:   &row{"Logto", "no registration; a refresh token only with `offline_access` and `prompt=consent`; the resource to the letter", "sends all three; see [logto.md](logto.md)", "`--client-id`"},
	},
}

// eventStream is how a server answers with events.
func eventStream(format string) func(*world, *call, string) *answer {
	return func(_ *world, _ *call, message string) *answer {
		return &answer{typ: "text/event-stream", body: strings.ReplaceAll(format, "MESSAGE", message)}
	}
}

// serving is a server of an SDK: how it answers, and how it says that a session
// is gone.
func serving(name, seen, format string, gone answer, refs string, r *row) example {
	e := lost("server/"+name, seen, gone, refs)
	if format != "" {
		e.fake.answered = eventStream(format)
	}
	e.row = r
	return e
}

var serverCases = []example{
	serving("typescript", tsExample, "event: message\ndata: MESSAGE\n\n", *rpcError(400, -32000, "Bad Request: No valid session ID provided"), "fails",
		&row{"TypeScript SDK examples", "answer 400 for a session that is gone", "a ping on the old session proves it; then a new session, and the message once", ""}),
	serving("python", "python-sdk, streamable_http_manager", ": ping - 2026-11-28\r\n\r\nevent: message\r\ndata: MESSAGE\r\n\r\n", *rpcError(404, -32600, "Session not found"), "",
		&row{"Python SDK", "events with CRLF and comments; 404", "a new session", ""}),
	serving("python-older", "python-sdk before 1.12", "event: message\r\ndata: MESSAGE\r\n\r\n", *rpcError(400, -32600, "Bad Request: No valid session ID provided"), "", nil),
	serving("rust", rustLost, "data: \nid: 0\nretry: 3000\n\ndata: MESSAGE\nid: 1\n\n", answer{status: 401, typ: "text/plain", body: "Unauthorized: Session not found"}, "hangs",
		&row{"Rust SDK (rmcp)", "answers 401 without a challenge for a session that is gone", "a new session first; a sign-in only if that is refused, too", ""}).because(sessionAsLogin),
	serving("csharp", "csharp-sdk, StreamableHttpHandler", "event: message\ndata: MESSAGE\n\n", *rpcError(404, -32001, "Session not found"), "",
		&row{"C# SDK", "404", "a new session", ""}),
	serving("java", "java-sdk, HttpServletStreamableServerTransportProvider", "id: 1\nevent: message\ndata: MESSAGE\n\n", answer{status: 404, body: doc{"code": -32603, "message": "Session not found: session-1"}}, "",
		&row{"Java SDK", "404 with an error of its own form", "a new session", ""}),
	it("server/helidon", sniffed, typed("none"), "fails"),
}
