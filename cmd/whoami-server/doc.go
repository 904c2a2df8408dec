// Command whoami-server serves package server: an MCP server behind OAuth
// bearer tokens with the one tool whoami.
//
//	whoami-server --issuer https://TENANT.logto.app/oidc --resource https://mcp.example.com/mcp
//
// runs behind a proxy that terminates TLS for mcp.example.com, and
//
//	whoami-server --dev
//
// runs alone on this machine with a provider of its own, to try things out.
//
//  1. Options come from flags, WHOAMI_ variables and defaults, in this order.
//     All mistakes are reported together, each with a hint; exit code 2.
//  2. The address is bound, and with --dev the provider is started.
//  3. One line on standard error says where it listens and as what.
//  4. SIGTERM or SIGINT ends open streams, lets calls finish for up to ten
//     seconds, and exits with 0, or with 1 if calls were cut off. A second
//     signal ends it at once. Failures at run time exit with 1.
//
// Not here: TLS, rate limits and metrics, which the proxy has.
package main
