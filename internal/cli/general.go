package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/hint"
	"mcp-login/internal/store"
)

// generalOptions are those that are right for any server: what a command about all kept
// logins takes. A header, a token, a certificate or the secret of a client is for the
// server that it was given for, and for no other.
type generalOptions struct {
	version                                     string // of this program
	store, logLevel, userAgent, browser         string
	dir                                         string // of the store, "" for that of the environment
	noBrowser, allowHTTP, ipv4, noCookies       bool
	connectTimeout, headersTimeout, bodyTimeout time.Duration
	maxMessage                                  byteSize
	caFiles                                     []string
	files                                       *flagFiles // reads what flags name
	nodeFile                                    string     // what Node programs are told to trust, mcp-remote among them
}

// register declares the flags.
func (g *generalOptions) register(f *pflag.FlagSet, getenv func(string) string) {
	or := variableOr(getenv)
	f.StringVar(&g.store, "store", or("MCP_LOGIN_STORE", "auto"), "where to keep logins: auto, keyring, passphrase, file or memory")
	f.StringVar(&g.logLevel, "log-level", or("MCP_LOGIN_LOG", "warn"), "debug, info, warn or error")
	f.StringVar(&g.userAgent, "user-agent", or(userAgentName, ""), "User-Agent of all requests, instead of the program's name and version")
	f.StringVar(&g.browser, "browser-command", or("MCP_LOGIN_BROWSER", getenv("BROWSER")), "program that gets the login URL as its argument; none opens nothing")
	f.BoolVar(&g.noBrowser, "no-browser", getenv("MCP_LOGIN_NO_BROWSER") != "", "only print the login URL")
	f.BoolVar(&g.allowHTTP, "allow-http", false, "allow plain http to a host that is not this machine")
	f.DurationVar(&g.connectTimeout, "connect-timeout", 30*time.Second, "how long to wait for a connection to the server")
	f.DurationVar(&g.headersTimeout, "headers-timeout", 0, "how long the server may take to begin an answer; 0 as long as it needs")
	f.DurationVar(&g.bodyTimeout, "body-timeout", 0, "how long the server may be silent within an answer; 0 as long as it likes")
	g.maxMessage = defaultMaxMessage
	f.Var(&g.maxMessage, "max-message", "largest message to relay, as 64MiB; a larger one is answered with an error; 0 no limit")
	f.BoolVar(&g.ipv4, "ipv4", false, "connect to the server by IPv4 only")
	f.BoolVar(&g.noCookies, "no-cookies", false, "do not keep the server's cookies, which load balancers use")
	var files []string
	if file := or("MCP_LOGIN_CA_FILE", ""); file != "" {
		files = []string{file}
	}
	g.nodeFile = or("NODE_EXTRA_CA_CERTS", "")
	f.StringArrayVar(&g.caFiles, "ca-file", files, "file with certificates of authorities to trust besides the system's, PEM; repeatable")
}

// variableOr returns what looks up the default of a flag: a variable, else otherwise. An
// empty variable counts as unset.
func variableOr(getenv func(string) string) func(name, otherwise string) string {
	return func(name, otherwise string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return otherwise
	}
}

// forKept returns the options for e, one of all kept logins. Each of them may be for
// another server: they begin with what is right for any, and get what is kept.
func (o options) forKept(e store.Entry) options {
	k := options{generalOptions: o.generalOptions}
	k.transport = "auto"
	k.use(e)
	return k
}

// refuseServerFlags refuses flags that are for one server, and says which variables are
// not used. also are flags that the verb takes all the same.
func (a *app) refuseServerFlags(f *pflag.FlagSet, also ...string) (err error) {
	var o options
	forOne := pflag.NewFlagSet("", pflag.ContinueOnError)
	general := o.register(forOne, a.getenv)
	f.Visit(func(flag *pflag.Flag) {
		if err == nil && forOne.Lookup(flag.Name) != nil && general.Lookup(flag.Name) == nil && !slices.Contains(also, flag.Name) {
			err = usageError{hint.With(fmt.Errorf("--%s is for one server, and this is about all of them", flag.Name), "add the URL of the server")}
		}
	})
	for _, name := range []string{account.TokenVariable, clientSecretName, enterpriseSecretName, "MCP_LOGIN_CLIENT_CERT"} {
		if err == nil && a.getenv(name) != "" {
			a.term.Note("%s is for one server, and is not used for all of them", name)
		}
	}
	return err
}
