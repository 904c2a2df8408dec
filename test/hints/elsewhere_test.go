package hints

// elsewhere are the hints that tests of other packages run, as folder and name.
var elsewhere = map[string]string{
	", with the scopes …; or choose others with --scope":                         "internal/oauth: TestEnterprisePolicyRefuses",
	"add --enterprise https://id.example.com, the issuer of that provider":       "test/script: TestEnterpriseMistakes",
	"add --enterprise-client-id":                                                 "test/script: TestEnterpriseMistakes",
	"ask the administrator of … to let the client … use … at … for this account": "test/script: TestEnterprisePolicyThroughTheBinary",
	"ask the administrator of … whether the client … may exchange ID tokens for ID-JAGs there (RFC 8693, Enterprise-Managed Authorization)": "internal/oauth: TestEnterprisePolicyRefuses",
	"ask whoever runs … whether it trusts …, and the administrator of that one whether it knows that the client is … there":                 "test/script: TestEnterpriseOtherAssertions",
	"give one that … has issued to the client … a short time ago":                                                                           "internal/oauth: TestEnterpriseGivenIDToken",
	"leave out --accept-issuer: with --enterprise a provider has to have its own name":                                                      "internal/oauth: TestEnterpriseAudienceIsTheProvidersOwnName",
	"mcp-login … (CompanyCommand)": "test/script: TestEnterpriseMistakes",
	"nothing was sent on, and the login here has ended; tell the provider's administrator, and sign in again: mcp-login … (samePerson)": "internal/oauth: TestEnterpriseRefusesAnotherPerson",
	"nothing was sent on; this is a fault of …: tell its administrator":                                                                 "internal/oauth: TestEnterpriseTakesOnlyIDJAGs",
	"register a client there that may use assertions (RFC 7523) and give its id with --client-id":                                       "test/script: TestEnterpriseMistakes",
	"sign in there again, run: mcp-login …; or …":                                                                                       "internal/oauth: TestEnterprisePolicyRefuses",
	"this is a fault of the provider: tell its administrator":                                                                           "internal/oauth: TestEnterpriseSignInNeedsItsIDToken",
	"write it as --enterprise https://id.example.com, the issuer of the company's provider":                                             "test/script: TestEnterpriseMistakes",
	"build it with go1.26.9 or newer":                                                                                                   "internal/build: TestAnOldGoIsMendedByTheChannel",
	"to update it: …":                                                                                                                   "internal/build: TestAnOldGoIsMendedByTheChannel",
	"to update it, run: …":                                                                                                              "test/script: TestVersionCheckWithoutAnAddress", // in a clone, from its publisher
	"add --assertion SOURCE":                                                                                                            "internal/oauth: TestWorkloadTokenIsNotSent",
	"look whether the SPIFFE agent runs, and whether this user may use its socket":                                                      "internal/workload: TestSPIFFEIsNotThere",
	"set it to the socket of the SPIFFE agent, such as SPIFFE_ENDPOINT_SOCKET=unix:///run/spire/agent-sockets/api.sock":                 "internal/workload: TestSPIFFEIsNotThere",
	"register this workload at the SPIFFE server, as with spire-server entry create":                                                    "internal/workload: TestSPIFFERefuses",
	"it is there on Compute Engine, Cloud Run and GKE with a service account; elsewhere name another source":                            "internal/workload: TestGoogle",
	"give the job in its workflow: permissions: id-token: write":                                                                        "internal/workload: TestGitHub",

	"ask its operator to take ES256, and to publish it in dpop_signing_alg_values_supported":                                                                            "internal/oauth: TestNoCommonAlgorithm",
	"ask its operator to support DPoP with ES256, and to publish it in dpop_signing_alg_values_supported…":                                                              "internal/oauth: TestNoCommonAlgorithm",
	"ask whoever runs the server: no request gets through":                                                                                                              "internal/oauth: TestNonceStorm",
	"is the clock of this machine right? If it is, ask whoever runs the server":                                                                                         "internal/oauth: TestRefusedProofIsNoLogin",
	"is the clock of this machine right? The provider refuses the proof that the login has its key (DPoP)":                                                              "internal/oauth/grant: TestProviderRefusesProofs",
	"…; if it stays so, sign in again: mcp-login … (Refresh)":                                                                                                           "internal/oauth: TestRefusedProofAtRefreshCostsNoLogin",
	"the provider asks for a nonce again and again, or gives none (DPoP): tell its operator":                                                                            "internal/oauth/grant: TestProviderRefusesProofs",
	"the provider has to bind tokens to the key of the proofs that it is sent (RFC 9449): tell its operator, or sign out, which forgets a login that is bound to a key": "internal/oauth: TestBearerTokenInAnswer",
	"let mcp-login send the requests, as mcp-login … does; to look at the token, add --json":                                                                            "test/interop: TestBoundTokensAtOIDCProvider",
}
