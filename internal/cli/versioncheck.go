package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/mod/semver"

	"mcp-login/internal/account"
	"mcp-login/internal/build"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/neterror"
	"mcp-login/internal/origin"
)

// Bounds of the one question that version --check asks. The answer names the files of a
// release, a hundred of them in about 200 KiB.
const (
	feedTime      = 10 * time.Second
	maxFeed       = 1 << 20
	maxVersion    = 64 // bytes
	feedRedirects = 3  // a repository that was renamed
)

// checkReport is what version --check prints with --json.
type checkReport struct {
	SchemaVersion int           `json:"schema_version"`
	Version       string        `json:"version"`
	Channel       build.Channel `json:"channel"`
	Latest        string        `json:"latest"`
	// Status is what the newest release is to this program: newer, same, older, or
	// prerelease, which only those are told to take who run one.
	Status string `json:"status"`
	// Update is how to get it, a line to copy where there is one.
	Update string `json:"update,omitzero"`
}

// errFeed is a failure to learn of the newest release that trying again may mend.
var errFeed = errors.New("the newest release is not known")

// checkVersion asks once which release is the newest.
func (a *app) checkVersion(ctx context.Context, g *generalOptions, asJSON bool) error {
	r := checkReport{SchemaVersion: schemaVersion, Version: a.version, Channel: build.ChannelOf("mcp-login", a.getenv)}
	update := r.Channel.Upgrade(thisProgram(a).Path)
	if build.Feed() == "" {
		if build.Official() {
			return errors.New("nobody has published this program yet, so there is no newest release")
		}
		return hint.With(errors.New("this program is not of a release, and knows no address to ask"), "to update it, run: "+update)
	}
	var err error
	if r.Latest, err = a.latest(ctx, g); err != nil {
		return err
	}
	switch c := semver.Compare(r.Latest, a.version); {
	case !semver.IsValid(a.version):
		return fmt.Errorf("the newest release is %s, and the version of this program is not known", r.Latest)
	case c > 0 && semver.Prerelease(r.Latest) != "" && semver.Prerelease(a.version) == "":
		r.Status = "prerelease"
	case c > 0:
		r.Status, r.Update = "newer", update
	case c < 0:
		r.Status = "older"
	default:
		r.Status = "same"
	}
	if asJSON {
		return a.term.JSON(r)
	}
	a.term.Print("%s", map[string]string{
		"newer":      "mcp-login " + r.Latest + " is out; this is " + a.version,
		"prerelease": "mcp-login " + a.version + "; " + r.Latest + " is out for trying, and no release yet",
		"older":      "mcp-login " + a.version + " is newer than the newest release, " + r.Latest,
		"same":       "mcp-login " + a.version + " is the newest release",
	}[r.Status])
	if r.Update != "" {
		a.term.Print("to update: %s", r.Update)
	}
	return nil
}

// latest is the version of the newest release. Nothing else of the answer is used.
func (a *app) latest(ctx context.Context, g *generalOptions) (string, error) {
	roots, err := g.roots()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, feedTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, build.Feed(), nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errFeed, err)
	}
	name := agent(g.userAgent, a.version)
	req.Header.Set("User-Agent", name)
	req.Header.Set("Accept", "application/json")
	transport := account.Connection{UserAgent: name, Roots: roots, ConnectTimeout: feedTime}.RoundTripper()
	client := &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if len(via) > feedRedirects || !origin.SafeRedirect(via[0].URL, next.URL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req) //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		err = neterror.Explain(foreign.HTTPError(err))
		return "", &hint.Error{Op: req.URL.Host, Err: fmt.Errorf("%w: %w", errFeed, err), Hint: hint.Of(err)}
	}
	body, err := foreign.ReadBody(resp, maxFeed, feedTime)
	switch answer, _ := foreign.ParseObject(body); {
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s: %w: status %d", req.URL.Host, errFeed, resp.StatusCode)
	case err != nil:
		return "", fmt.Errorf("%s: %w: %w", req.URL.Host, errFeed, err)
	default:
		if tag := answer.Text("tag_name"); len(tag) <= maxVersion && semver.IsValid(tag) {
			return tag, nil
		}
		return "", fmt.Errorf("%s: the answer names no version", req.URL.Host)
	}
}
