package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "browse" {
		if err := browse(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "driver: browser:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}

// browse is a person whom the mock provider lets in at once: the redirects end
// at the client.
func browse(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Jar: jar}).Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// scenario is what the suite tells about the one it runs.
type scenario struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	PrivateKey   string `json:"private_key_pem"`
	// The company's provider.
	Company         string `json:"idp_issuer"`
	CompanyClientID string `json:"idp_client_id"`
	IDToken         string `json:"idp_id_token"`
	ValidJWT        string `json:"valid_jwt"` // of the platform
}

// args are the flags that the scenario's own data demands.
func (s scenario) args(name, dir string) ([]string, error) {
	switch {
	case name == "auth/basic-cimd":
		return []string{"--client-metadata-url", metadataDocument}, nil
	case name == "auth/enterprise-managed-authorization":
		token := filepath.Join(dir, "id_token")
		if err := os.WriteFile(token, []byte(s.IDToken), 0o600); err != nil {
			return nil, fmt.Errorf("write the scenario's ID token: %w", err)
		}
		return []string{"--enterprise", s.Company, "--enterprise-client-id", s.CompanyClientID, "--enterprise-id-token-file", token}, nil
	case s.ValidJWT != "":
		token := filepath.Join(dir, "token")
		return []string{"--assertion", "file:" + token}, os.WriteFile(token, []byte(s.ValidJWT), 0o600)
	case !strings.HasPrefix(name, "auth/client-credentials-"):
		return nil, nil
	case s.PrivateKey == "":
		return []string{"--client-credentials"}, nil
	}
	key := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(key, []byte(s.PrivateKey), 0o600); err != nil {
		return nil, fmt.Errorf("write the scenario's key: %w", err)
	}
	return []string{"--client-credentials", "--client-key", key}, nil
}

// metadataDocument is the fixed address that the suite expects of clients with
// a client ID metadata document.
const metadataDocument = "https://conformance-test.local/client-metadata.json"

func run(server string) (err error) {
	var s scenario
	if data := os.Getenv("MCP_CONFORMANCE_CONTEXT"); data != "" {
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			return fmt.Errorf("read the scenario: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "mcp-login-conformance-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args, err := s.args(os.Getenv("MCP_CONFORMANCE_SCENARIO"), dir)
	if err != nil {
		return err
	}
	cmd := exec.Command(os.Getenv("MCP_LOGIN_BINARY"), append(args, server)...)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(dir, "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER="+self+" browse",
		"MCP_LOGIN_CLIENT_ID="+s.ClientID, "MCP_LOGIN_CLIENT_SECRET="+s.ClientSecret)
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return fmt.Errorf("start the bridge: %w", err)
	}
	talkErr := newClient(stdin, stdout).session()
	_ = stdin.Close()
	_, _ = io.Copy(io.Discard, stdout)
	return errors.Join(talkErr, cmd.Wait())
}
