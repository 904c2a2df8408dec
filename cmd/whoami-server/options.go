package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/build"
	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/server"
)

// options is the whole configuration. What is a string stays one until
// [options.parse]; the rest is filled there.
type options struct {
	issuer, resource, listen, devListen, opsListen  string
	logFormat, tlsCert, tlsKey, trustedProxy        string
	busURL, collector, file                         string
	whoamiScope, detailsScope                       string
	introspectionID                                 string
	introspectionFile, introspectionKey             string
	introspectionSecret                             string // of the environment
	version                                         string
	dev, forwardAuth, introspectionAudienceOptional bool
	level                                           slog.Level
	drain                                           time.Duration
	ratio                                           float64
	logto                                           logtoOptions
	config                                          server.Config
	others                                          []*url.URL // the resources after the first
	opaqueSaid                                      bool       // --jwt-only was given, as true or false
	gateway                                         gatewayOptions
	dpop                                            dpopOptions

	mistakes []error           // in the file
	places   map[string]string // of what is from the file, by name
	unread   error             // why the file cannot be read
	unknown  []error           // variables that are none of ours, and nearly are
	settings []func(wrong func(next string, err error))
}

// kind is how the text of an option is read.
type kind[T any] struct {
	parse func(text string) (T, error)
	what  string                           // what a text that cannot be read is not
	next  string                           // what to do then
	meant func(text string) (string, bool) // the text that was meant; may be nil
}

// setting is an option that parse turns into what it means. A boolean one may be given
// without a value.
func setting[T any](o *options, fs *flag.FlagSet, to *T, k kind[T], name, def, usage string) {
	value := &def
	usage = withVariable(name, def, usage)
	if _, boolean := any(to).(*bool); boolean {
		fs.Var((*boolText)(value), name, usage)
	} else {
		fs.StringVar(value, name, def, usage)
	}
	o.settings = append(o.settings, func(wrong func(string, error)) {
		var err error
		if *to, err = k.parse(*value); err != nil {
			next := k.next
			if meant, ok := k.meaning(*value); ok {
				next = "write " + meant
			}
			wrong(next, fmt.Errorf("%s: %q is not %s", name, *value, k.what))
		}
	})
}

// meaning is the text that was meant, if that is known and can be read.
func (k kind[T]) meaning(text string) (string, bool) {
	if k.meant == nil {
		return "", false
	}
	meant, ok := k.meant(text)
	if _, err := k.parse(meant); err != nil {
		return "", false
	}
	return meant, ok
}

// text is an option that stays as it is.
func text(fs *flag.FlagSet, to *string, name, def, usage string) {
	fs.StringVar(to, name, def, withVariable(name, def, usage))
}

// helpColumns is how wide a usage may be, so that the help, which indents it, has 80 columns.
const helpColumns = 72

// withVariable adds the variable of an option to its usage, and breaks it into lines. The
// help adds the default to the last one.
func withVariable(name, def, usage string) string {
	var b strings.Builder
	column := 0
	words := append(strings.Fields(usage), "["+variable(name)+"]")
	for i, word := range words {
		width := len(word)
		if i == len(words)-1 && def != "" {
			width += len(` (default "` + def + `")`)
		}
		switch {
		case i == 0:
		case column+1+width > helpColumns:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

var (
	boolean = kind[bool]{parse: strconv.ParseBool, what: "a boolean", next: "write true or false", meant: func(text string) (string, bool) {
		value, ok := commandline.Boolean(text)
		return strconv.FormatBool(value), ok
	}}
	list  = kind[[]string]{parse: func(text string) ([]string, error) { return words(text), nil }}
	level = kind[slog.Level]{parse: func(text string) (l slog.Level, err error) {
		err = l.UnmarshalText([]byte(text))
		return l, err
	}, what: "a level", next: "write debug, info, warn or error"}
	period = kind[time.Duration]{parse: func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if d < 0 {
			err = errRange
		}
		return d, err
	}, what: "a time", next: "write a time like 90s or 30m", meant: commandline.Duration}
	count = kind[int]{parse: func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if n < 1 {
			err = errRange
		}
		return max(n, 0), err
	}, what: "a number from 1 on", next: "write a whole number from 1 on"}
	rate = kind[float64]{parse: func(text string) (float64, error) {
		r, err := strconv.ParseFloat(text, 64)
		if err != nil || !(r >= 0) {
			return 0, errRange
		}
		return r, nil
	}, what: "a rate", next: "write requests a second, e.g. 20 or 0.5; 0 is no limit"}
)

// errRange is a number that an option does not take.
var errRange = errors.New("out of range")

// orNone reads a duration of which zero means none: in the configuration zero stands
// for the default, and none for no time at all.
func orNone(none time.Duration) kind[time.Duration] {
	return kind[time.Duration]{parse: func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err == nil && d < 0 {
			err = errRange
		}
		if err != nil || d == 0 {
			return none, err
		}
		return d, nil
	}, what: "a duration", next: "write a duration, e.g. 30s, 5m or 0", meant: commandline.Duration}
}

// boolText is a boolean flag whose value is judged later, together with all
// others.
type boolText string

func (b *boolText) String() string { return string(*b) }

func (b *boolText) Set(s string) error { *b = boolText(s); return nil }

// IsBoolFlag makes the bare flag mean true.
func (b *boolText) IsBoolFlag() bool { return true }

// variable is the environment variable of a flag.
func variable(flagName string) string {
	return "WHOAMI_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

func (o *options) flags(out io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("whoami-server", flag.ContinueOnError)
	fs.SetOutput(out)
	c := &o.config
	text(fs, &o.issuer, "issuer", "", "issuer `URL` of the OpenID provider, exactly as its metadata spells it; JWTs of further ones are accepted as well")
	text(fs, &o.resource, "resource", "", "public `URL` of this server's MCP endpoint (default http://LISTEN/mcp); several resources each have their own tokens")
	text(fs, &o.config.PublicClient, "public-client", "", "client `id` that people's programs use at the issuer, shown on the page at /; empty where they register themselves")
	text(fs, &o.config.InstallPage, "install-page", "", "`URL` of a page about how to get mcp-login, linked on the page at /")
	text(fs, &o.listen, "listen", "127.0.0.1:3001", "`address` to listen on")
	setting(o, fs, &c.Scopes, list, "scope", "openid profile email", "`scopes` that clients are told to ask for")
	setting(o, fs, &c.RequiredScopes, list, "required-scope", "", "`scopes` a token must have; opaque tokens are refused then")
	setting(o, fs, &c.RelayIssuerMetadata, boolean, "relay-issuer-metadata", "true", "serve the issuer's metadata for clients of MCP 2025-03-26")
	setting(o, fs, &c.JWTOnly, boolean, "jwt-only", "false", "refuse opaque tokens, which are as good for any application of the issuer; true with --upstream, --forward-auth and --logto, unless there is introspection")
	setting(o, fs, &c.AllowUntypedJWT, boolean, "allow-untyped-jwt", "false", "accept JWTs whose typ is not at+jwt, for providers that set none")
	setting(o, fs, &c.AllowedHosts, list, "allow-host", "", "further Host `names` to accept, separated by spaces")
	setting(o, fs, &c.AllowedOrigins, list, "allow-origin", "", "further browser `origins` to accept, separated by spaces")
	setting(o, fs, &o.forwardAuth, boolean, "forward-auth", "false", "answer proxies that ask at /forward-auth whether a request may pass to a server behind them, instead of serving whoami")
	setting(o, fs, &o.dev, boolean, "dev", "false", "run with a provider that lets anybody in; for this machine only")
	text(fs, &o.devListen, "dev-listen", "127.0.0.1:3002", "`address` of the provider of --dev")
	o.gatewayFlags(fs)
	o.verificationFlags(fs)
	o.dpopFlags(fs)
	o.logtoFlags(fs)
	o.settings = append(o.settings, o.parseIntrospection)
	setting(o, fs, &o.level, level, "log-level", "info", "`level` of the log: debug, info, warn or error")
	o.operationFlags(fs)
	text(fs, &o.file, "config", "", "YAML `file` with any of these options")
	o.version = "false"
	fs.Var((*boolText)(&o.version), "version", withVariable("version", "", "print the version and exit"))
	fs.Usage = func() {
		_, _ = fmt.Fprint(out, "whoami-server: an MCP server that tells who is signed in.\n\n"+
			"  whoami-server --issuer URL --resource URL\n  whoami-server --issuer URL --resource URL --upstream URL\n  whoami-server --dev\n"+
			"  whoami-server check --issuer URL --resource URL\n  whoami-server healthcheck\n  whoami-server version [--json]\n\nOptions [environment variables]:\n")
		fs.PrintDefaults()
	}
	return fs
}

// read fills o from args, for flags not given from the environment, and for the
// rest from the file. program is what stands in front of args.
func (o *options) read(program string, args []string, getenv func(string) string) error {
	fs := o.flags(io.Discard)
	if err := fs.Parse(args); err != nil || fs.NArg() > 0 {
		return mistaken(program, fs, args)
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	fs.VisitAll(func(f *flag.Flag) {
		if value := getenv(variable(f.Name)); value != "" && !given[f.Name] && f.Name != "version" {
			_ = f.Value.Set(value) // neither kind of value refuses here
			given[f.Name] = true
		}
	})
	if o.file != "" {
		o.places = make(map[string]string)
		o.mistakes, o.unread = readFile(o.file, fs, given, o.places)
	}
	o.introspectionSecret, o.logto.profileSecret = getenv(secretVariable), getenv(profileVariable)
	o.opaqueSaid = given["jwt-only"]
	o.unknown = misspelled(fs, os.Environ())
	return nil
}

// parse turns the text into o.config and reports every mistake. The resource
// stays nil if it is to follow from the address that will be bound.
func (o *options) parse() []error {
	if o.unread != nil { // what it may say of the rest is not known
		return []error{o.unread}
	}
	all := o.mistakes
	wrong := func(next string, err error) {
		if err != nil {
			all = append(all, hint.With(o.located(err), next))
		}
	}
	for _, set := range o.settings {
		set(wrong)
	}
	o.config.Version = build.Of(version).Version
	if o.dev && o.detailsScope == "" && o.gateway.upstream == "" && !o.forwardAuth {
		o.detailsScope = "whoami:details" // to show how a client gets more rights
	}
	o.parseToolScopes()
	o.parseToolScopesOf(wrong)
	o.parseOperations(wrong)
	o.parseIssuer(wrong)
	o.parseOpaque()
	o.parsePage(wrong)
	o.checkOthers(wrong)
	o.parseAddresses(wrong)
	o.keepApart(wrong)
	o.parseGateway(wrong)
	o.parseForwardAuth(wrong)
	o.parseDPoP(wrong)
	if o.dev {
		o.keepToThisMachine(wrong)
	}
	return all
}

// checkOthers judges what has no check and no hint of its own.
func (o *options) checkOthers(wrong func(string, error)) {
	others := o.config
	others.InstallPage, others.Resource = "", &url.URL{Scheme: "https", Host: "resource.example"}
	if bearer.CheckIdentifier("issuer", others.Issuer) != nil {
		others.Issuer = "https://issuer.example"
	}
	err := others.Check()
	if err == nil {
		return
	}
	for _, err := range leaves(err) {
		next := "see whoami-server --help" // the error names the bounds
		switch what, _, _ := strings.Cut(err.Error(), ` "`); what {
		case "algorithm":
			next = "keys are public, so name an algorithm of such, e.g. --algorithm ES256"
		case "scope":
			next = "scopes are separated by spaces, and have no quotes"
		case "allowed host":
			next = "hosts are as in the header Host, without http://, e.g. --allow-host whoami:3001"
		case "allowed origin":
			next = "origins are scheme://host[:port], separated by spaces"
		}
		wrong(next, err)
	}
}

// leaves takes joined errors apart.
func leaves(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		all = append(all, leaves(one)...)
	}
	return all
}

// words splits at spaces and commas.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
}
