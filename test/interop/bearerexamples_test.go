package interop

import (
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// example starts a program of examples/bearer for a provider of its own.
func example(t *testing.T, name, path string, scopes ...string) (idp *devidp.Server, resource string) {
	t.Helper()
	port := strconv.Itoa(real.FreePort(t))
	host := "127.0.0.1:" + port
	resource = "http://" + host + path
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{
		Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource, Scopes: scopes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	env := []string{"RESOURCE=" + resource, "PORT=" + port, "ISSUER=" + idp.Issuer()}
	start(t, `serving (\S+)`, env, binary.Build(t, "examples/bearer/"+name))
	binary.Until(t, name+" to listen", func() bool {
		c, err := net.Dial("tcp", host)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return idp, resource
}

// A server of either library, protected by package bearer, serves every client: mcp-login
// between each of them and the server, and the clients by themselves. A person is asked
// once by mcp-login, and once by the client of the TypeScript SDK.
func TestBearerExamples(t *testing.T) {
	for _, name := range []string{"mcpgo", "gosdk"} {
		t.Run(name, func(t *testing.T) {
			idp, resource := example(t, name, "/mcp")
			env := bridgeEnv(t)
			s := open(t, env, binary.Build(t, "mcp-login"), resource)
			if claims := s.whoami(); claims["email"] != "alice@example.test" || claims["aud"] != resource {
				t.Errorf("mcp-login: %v", claims)
			}
			s.end()
			throughGoClients(t, env, resource)

			client := &http.Client{Transport: signed(tokenOf(t, idp, resource))}
			c, err := mcpclient.NewStreamableHttpClient(resource, transport.WithHTTPBasicClient(client))
			directMCPGo(t, c, err)
			callGoSDK(t, &gosdk.StreamableClientTransport{Endpoint: resource, HTTPClient: client})

			told := whoamiClient(t, resource)("whoami")
			if told.Error != "" || told.Server != "notes" || told.Claims["email"] != "alice@example.test" || len(told.Asked) != 1 {
				t.Errorf("the TypeScript SDK: %+v", told)
			}
			if n := idp.Stats().CodeExchanges; n != 2 {
				t.Errorf("%d logins", n)
			}
		})
	}
}

// Behind a proxy an example listens where it is told and not where its public address is, and
// its log says at start that the issuer's name is wrong.
func TestBearerExampleWithAPublicAddress(t *testing.T) {
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	port := strconv.Itoa(real.FreePort(t))
	env := []string{"RESOURCE=https://mcp.example.com/mcp", "PORT=" + port, "ISSUER=" + idp.Issuer() + "/"}
	_, p := start(t, `serving (\S+)`, env, binary.Build(t, "examples/bearer/mcpgo"))
	binary.Until(t, "a refusal", func() bool {
		resp, err := http.Post("http://127.0.0.1:"+port+"/mcp", "application/json", http.NoBody)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return strings.Contains(resp.Header.Get("WWW-Authenticate"), `="https://mcp.example.com/.well-known/`)
	})
	binary.Until(t, "the log to name the issuer", func() bool { return strings.Contains(p.String(), "its metadata calls it") })
}

// throughGoClients lets both libraries' clients start mcp-login, with the login that is there.
func throughGoClients(t *testing.T, env []string, resource string) {
	t.Helper()
	c, err := mcpclient.NewStdioMCPClient(binary.Build(t, "mcp-login"), env, resource)
	if err != nil {
		t.Fatal(err)
	}
	callMCPGo(t, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	cmd := exec.Command(binary.Build(t, "mcp-login"), resource)
	cmd.Env = append(cmd.Environ(), env...)
	callGoSDK(t, &gosdk.CommandTransport{Command: cmd})
}

func tokenOf(t *testing.T, idp *devidp.Server, resource string, scopes ...string) string {
	t.Helper()
	token, err := idp.IssueToken(devidp.TokenRequest{Username: "alice", ClientID: "interop", Resource: resource, Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// An API that knows nothing of MCP is protected in the same way: 401 with the way to the
// provider, 403 with the scope that is missing, and the handlers know who calls.
func TestBearerExampleOfAnAPI(t *testing.T) {
	idp, resource := example(t, "nethttp", "/notes", "notes:write")
	nobody, reader := http.DefaultClient, &http.Client{Transport: signed(tokenOf(t, idp, resource))}
	writer := &http.Client{Transport: signed(tokenOf(t, idp, resource, "notes:write"))}
	for _, c := range []struct {
		client    *http.Client
		method    string
		status    int
		challenge string
		body      string
	}{
		{nobody, "GET", 401, "resource_metadata=", ""},
		{reader, "GET", 200, "", "notes of alice"},
		{reader, "POST", 403, `error="insufficient_scope"`, ""},
		{writer, "POST", 200, "", "written by alice"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, resource, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		challenge := resp.Header.Get("WWW-Authenticate")
		if resp.StatusCode != c.status || !strings.Contains(challenge, c.challenge) || !strings.Contains(string(body), c.body) {
			t.Errorf("%s: %d, %q, %q", c.method, resp.StatusCode, challenge, body)
		}
	}
}
