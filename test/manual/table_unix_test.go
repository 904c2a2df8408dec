//go:build !windows

package manual

// verified is where the commands about signatures are run.
const verified = "it needs a release; packaging/checks/25-signature.sh runs it on one, as it stands there"

// notRun are the commands that are not run, by how they begin, and why; the first that fits
// counts.
var notRun = []struct{ command, why string }{
	{"go run ./examples/whoami", "TestDemo runs it, and TestRecordingIsOfToday compares what it prints"},
	{"go install github.com/", "it is published by nobody yet; packaging/checks/70-module-path.sh runs it with a module of its own"},
	{"go install ./cmd/", "it writes into the folder of Go's programs; every command here is run by what the same packages build to"},
	{"CGO_ENABLED=0 go build -trimpath -o /usr/local/bin", "it writes into the system; TestSize builds the same packages"},
	{"go build", "it is the name of a command of Go; .ci/run builds for all the systems that are named there"},
	{"go env ", "it is Go's"},
	{"go mod ", "packaging/checks/70-module-path.sh makes such a module"},
	{"RESOURCE=http://127.0.0.1:8080/mcp ISSUER=", "TestBearerExamples runs the same program"},
	{"echo 'releases@mcp-login namespaces=", verified},
	{"file=mcp-login_amd64.deb", verified},
	{"ssh-keygen -Y verify", verified},
	{`grep " $file\$" SHA256SUMS`, verified},
	{"git pull", "it needs the network"},
	{"git tag -a", "packaging/checks/75-workflow.sh tags its clones"},
	{"git push", "it publishes"},
	{"packaging/", "packaging/checks/75-workflow.sh runs it"},
	{"ssh-keygen -t", "packaging/checks/75-workflow.sh runs it"},
	{"npm deprecate", "it needs the rights of the publisher"},
	{"npm dist-tag", "it needs the rights of the publisher"},
	{"go test -run '^$' -bench", "it measures for minutes"},
	{"go test -tags soak", "it runs for ten minutes"},
	{"go test", "tests are run by .ci/run"},
	{"MCP_LOGIN_TEST_LONG=1 MCP_LOGIN_STORM_ROUNDS=100", "it runs for many minutes; .ci/run runs the same test with fewer rounds"},
	{"MCP_LOGIN_TEST_LONG=1", "tests are run by .ci/run"},
	{"go run ./test/", "the tests of these programs run them"},
	{"make bench", "it measures for minutes; the tests of test/bench run the program"},
	{"make pages", "it writes into the clone; TestHelpChangesOnPurposeOnly and TestDocumentedClients compare what it would write"},
	{"make demo", "TestDemo runs it"},
	{"make ", "short for commands that .ci/run runs"},
	{"bash .ci/run", "it runs this test"},
	{"npm install -g mcp-login", "it is published by nobody yet; packaging/checks/30-npm.sh runs it with a registry of its own"},
	{"npm install --global mcp-login", "packaging/checks/30-npm.sh runs it, with a registry of its own"},
	{"npm uninstall --global mcp-login", "packaging/checks/30-npm.sh runs it"},
	{"npx -y mcp-login", "it is published by nobody yet; packaging/checks/30-npm.sh runs it with a registry of its own"},
	{"curl -f", "it is published by nobody yet; checks in packaging/checks install the same files"},
	{"docker run", "it needs a container engine; packaging/checks/60-images.sh runs the same with podman"},
	{"docker pull", "it is published by nobody yet"},
	{"docker rmi", "it needs a container engine"},
	{"npm ", "it downloads 2 GB; .ci/run runs it"},
	{"npx mcp-remote", "it is what is replaced; test/interop runs it"},
	{"npx @modelcontextprotocol/inspector", "test/interop runs the Inspector"},
	{"apt-get ", "it changes the system; .ci/run runs it"},
	{"WHOAMI_ISSUER=https://TENANT.logto.app/oidc docker compose", "it needs a container engine; TestGatewayComposeFitsTogether starts the server with what it says"},
	{"kubectl ", "it needs a cluster; TestGatewaySidecarFitsTogether starts the server with what it says"},
	{"docker build", "it needs a container engine; TestDockerfile reads the file"},
	{"openssl rand", "it is another program's"},
	{"mcp-login version --check", "only a release knows whom to ask; TestVersionCheck runs one"},
	{"mcp-login completion zsh >", "the file's name is a variable of zsh; help.txtar prints the script"},
	{"mcp-login completion powershell |", "PowerShell only; help.txtar prints the script"},
	{"whoami-server check", "its options are those of a start; TestCheck runs it"},
	{"whoami-server healthcheck", "it asks a running server; TestHealthcheck does"},
	{"mcp-login login --detached-login", "a decision names it; bridges run it, and no person"},
}

// shows are what some commands print, as regular expressions. All end with exit code 0.
var shows = map[string]string{
	"curl -i -X POST https://mcp.example.com/mcp":                                                `(?s)HTTP/1.1 401.*resource_metadata="`,
	"curl -i -X POST http://127.0.0.1:8080/mcp":                                                  `(?s)HTTP/1.1 401.*resource_metadata="`,
	"curl https://mcp.example.com/.well-known/oauth-protected-resource/mcp":                      `"authorization_servers"`,
	"mcp-login doctor --client-id APP_ID https://mcp.example.com/mcp":                            `PASS +resource`,
	"mcp-login login https://example.com/mcp":                                                    `signed in to .* as alice@example.test`,
	"mcp-login call https://example.com/mcp whoami":                                              `you are alice@example.test`,
	"mcp-login call https://example.com/mcp search --arg query=weather --arg limit=3":            `3 results for weather`,
	"mcp-login call https://example.com/mcp search - < arguments.json":                           `3 results for weather`,
	`curl -H "$(mcp-login token --header-line https://example.com/mcp)" https://example.com/api`: `the answer of the API`,
	"mcp-login config --list":                                                                    `cursor`,
	"mcp-login config claude-desktop https://example.com/mcp --write":                            `claude_desktop_config.json`,
	"mcp-login logout https://example.com/mcp":                                                   `signed out of`,
}
