package interop

import "time"

// The device grant (RFC 8628).
var deviceRows = []row{
	{
		name: "codes",
		want: "200 device_code expires_in:600 user_code verification_uri verification_uri_complete",
		play: func(p *party) answer { return device(p) },
	},
	{
		name: "not yet",
		want: "400 authorization_pending error_description",
		play: func(p *party) answer { return poll(p, device(p)) },
	},
	{
		name: "not yet, twice in a row",
		want: "400 authorization_pending error_description",
		play: func(p *party) answer {
			d := device(p)
			poll(p, d)
			return poll(p, d)
		},
	},
	{
		name: "done",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: decided("alice", func(p *party, d answer) answer { return poll(p, d) }),
	},
	{
		name: "done, with a refresh token",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer { return deviceLogin(p) },
	},
	{
		name: "done, polled again",
		want: "400 invalid_grant error_description",
		play: decided("alice", func(p *party, d answer) answer {
			p.well(poll(p, d))
			return poll(p, d)
		}),
	},
	{
		name: "refresh",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			return p.token("device", "grant_type", "refresh_token", "refresh_token", deviceLogin(p).text("refresh_token"))
		},
	},
	{
		name: "denied",
		want: "400 access_denied error_description",
		play: decided("", func(p *party, d answer) answer { return poll(p, d) }),
	},
	{
		name: "denied, polled again",
		want: "400 invalid_grant error_description",
		play: decided("", func(p *party, d answer) answer {
			poll(p, d)
			return poll(p, d)
		}),
	},
	{
		name: "expired",
		want: "400 expired_token error_description",
		play: func(p *party) answer {
			p.short()
			d := p.well(p.ask("device_authorization_endpoint", "device-short", "scope", "openid"))
			for deadline := time.Now().Add(20 * time.Second); ; <-time.After(100 * time.Millisecond) { // the provider's clock
				a := p.token("device-short", "grant_type", deviceGrant, "device_code", d.text("device_code"))
				if a.text("error") != "authorization_pending" || time.Now().After(deadline) {
					return a
				}
			}
		},
	},
	{
		name: "unknown code",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer { return p.token("device", "grant_type", deviceGrant, "device_code", "x") },
	},
	{
		name: "no code",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return p.token("device", "grant_type", deviceGrant) },
	},
	{
		name: "code of another client",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			return p.token("device-short", "grant_type", deviceGrant, "device_code", device(p).text("device_code"))
		},
	},
	{
		name: "a client without the grant",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return p.ask("device_authorization_endpoint", "native", "scope", "openid") },
	},
	{
		name: "polled by a client without the grant",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return p.token("native", "grant_type", deviceGrant, "device_code", "x") },
	},
	{
		name: "unknown client",
		want: "401 invalid_client error_description",
		own:  "400 invalid_client error_description", because: "Logto section 3: an unknown client is a 400",
		play: func(p *party) answer {
			return p.post(p.endpoint("device_authorization_endpoint"), with(nil, "client_id", "nobody", "scope", "openid"))
		},
	},
	{
		name: "no client",
		want: "400 invalid_request error_description",
		play: func(p *party) answer {
			return p.post(p.endpoint("device_authorization_endpoint"), with(nil, "scope", "openid"))
		},
	},
	{
		name: "unknown resource",
		want: "400 invalid_target error_description",
		play: func(p *party) answer { return device(p, "resource", theResource+"/") },
	},
	{
		name: "resource at both",
		want: "200 access_token:jwt expires_in:3600 id_token scope:mcp:read token_type:Bearer",
		play: func(p *party) answer {
			return withResource(p, "resource", theResource)
		},
	},
	{
		name: "resource at the first only",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: func(p *party) answer { return withResource(p) },
	},
}

func withResource(p *party, pairs ...string) answer {
	d := p.well(device(p, "scope", "openid mcp:read", "resource", theResource))
	p.browse(d.text("verification_uri_complete"), "alice")
	return poll(p, d, pairs...)
}

func device(p *party, pairs ...string) answer {
	p.Helper()
	return p.ask("device_authorization_endpoint", "device", append([]string{"scope", "openid"}, pairs...)...)
}

func poll(p *party, d answer, pairs ...string) answer {
	p.Helper()
	return p.token("device", append([]string{"grant_type", deviceGrant, "device_code", d.text("device_code")}, pairs...)...)
}

// decided lets the person decide ("" refuses) before what is asked.
func decided(user string, then func(*party, answer) answer) func(*party) answer {
	return func(p *party) answer {
		d := p.well(device(p))
		p.browse(d.text("verification_uri_complete"), user)
		return then(p, d)
	}
}

func deviceLogin(p *party) answer {
	p.Helper()
	d := p.well(device(p, "scope", "openid offline_access", "prompt", "consent"))
	p.browse(d.text("verification_uri_complete"), "alice")
	return p.well(poll(p, d))
}
