package server

// prepareVerification sets up the issuers, and the built-in verifier unless
// cfg has one.
func (s *Server) prepareVerification(cfg *Config) {
	s.about = cfg.About
	if s.about.Name == "" && cfg.MCP == nil {
		s.about.Name = "whoami"
	}
	pool := cfg.shared
	if pool == nil {
		pool = &issuerPool{life: s.life, providers: make(map[string]*provider)}
	}
	for _, issuer := range cfg.issuers() {
		s.providers = append(s.providers, pool.provider(issuer, cfg, s))
	}
	s.provider = s.providers[0]
	if s.verify != nil {
		s.verify = boundedChecks(s.verify)
		return
	}
	audiences := s.layout.audiences()
	v := &tokenVerifier{jwt: make(map[string]*jwtVerifier), clients: cfg.Clients}
	slots := newSignatureSlots()
	for _, p := range s.providers {
		v.jwt[p.issuer] = newJWTVerifier(p, cfg, audiences, slots)
	}
	switch {
	case cfg.JWTOnly:
	case cfg.Introspection != nil:
		v.opaque = newIntrospection(s.provider, *cfg.Introspection, audiences, cfg.leeway())
	case len(cfg.RequiredScopes) == 0 && len(cfg.Clients) == 0:
		v.opaque = newUserinfo(s.provider, s.scopes)
	}
	s.opaque, s.signatures = v.opaque, slots
	s.results = newCache(s.life, v.verify, cfg.cacheTTL(), cfg.outageGrace())
	s.verify = s.results.verify
}

// issuers are all issuers, the one that opaque tokens are of first.
func (c *Config) issuers() []string { return append([]string{c.Issuer}, c.OtherIssuers...) }

// Reload fetches metadata and keys of all issuers anew, in the background, and
// forgets all verdicts, so that what was changed or revoked at a provider counts
// from now on. What is known of the providers stays in use until the new is
// there. Call it at start to have everything ready for the first request; New
// fetches nothing.
func (s *Server) Reload() {
	for _, p := range s.providers {
		metadata := p.metadata.renew()
		go func() {
			if metadata.Wait(s.life) == nil { // it names the place of the keys
				p.keys.renew()
			}
		}()
	}
	if s.results != nil {
		s.results.clear()
	}
}
