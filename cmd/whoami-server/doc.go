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
//  1. Options come from flags, WHOAMI_ variables, the file of --config, and
//     defaults, in this order (options.go, addresses.go, operations.go, verification.go, gateway.go, file.go). All
//     mistakes are reported together, each with a hint; exit code 2.
//  2. The addresses are bound (listeners.go), or taken from systemd (systemd.go), the
//     certificate is read (certificate.go), with --dev the provider is started, with --bus
//     Redis is joined, and with --ops-listen health, readiness and metrics are served
//     (run.go).
//  3. One line on standard error says where it listens and as what; a service
//     manager that waits for it is told (systemd.go).
//  4. SIGTERM or SIGINT turns readiness off and, after --drain-delay, tells open
//     streams to reconnect, lets calls finish for up to ten seconds, and exits with 0, or
//     with 1 if calls were cut off (main.go, run.go). A second signal ends it at once.
//     SIGHUP reads the issuers' metadata again (reload.go); with --dev it means that the
//     terminal was closed, and is as SIGTERM.
//     Failures at run time exit with 1.
//
// As whoami-server healthcheck it asks a running one whether it is ready (healthcheck.go); as
// whoami-server check it judges options, and asks issuer and upstream once (check.go); as whoami-server version it says what it was built from (version.go).
package main
