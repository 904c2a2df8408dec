package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
)

// otherNames are flags that other servers have, and ours.
var otherNames = map[string]string{
	"addr": "listen", "address": "listen", "bind": "listen", "host": "listen", "http": "listen", "port": "listen", "p": "listen",
	"aud": "resource", "audience": "resource", "url": "resource", "provider": "issuer", "idp": "issuer", "oidc": "issuer",
	"cert": "tls-cert", "key": "tls-key", "log": "log-level",
}

// mistaken says what is wrong with a command line that package flag refuses, and which
// one was probably meant. program is what stands in front of args.
func mistaken(program string, fs *flag.FlagSet, args []string) error {
	takesValue := func(name, _ string) bool {
		if names := similarFlags(fs, name); fs.Lookup(name) == nil && len(names) == 1 {
			name = names[0]
		}
		f := fs.Lookup(name)
		return f != nil && !isBoolean(f)
	}
	line := commandline.Split(args, takesValue)
	var wrong []string
	for i := 0; i < len(line); i++ {
		w := line[i]
		mended, why, next := commandline.Line(nil), "", "see whoami-server --help"
		switch f := fs.Lookup(w.Name()); {
		case w.Kind == commandline.Flag && f == nil:
			why = "unknown flag: " + w.Text
			_, known := otherNames[w.Name()]
			if names := similarFlags(fs, w.Name()); len(names) == 1 && (known || !commandline.Secret(w.Name())) {
				mended = slices.Clone(line)
				mended[i].Text = "--" + names[0]
			} else if len(names) > 0 {
				next = "did you mean --" + strings.Join(names, ", --") + "?"
			}
		case w.Kind == commandline.Flag && strings.TrimPrefix(strings.TrimPrefix(w.Text, "-"), "-") != w.Name():
			why = w.Text + " is written with two dashes"
			mended = slices.Clone(line)
			mended[i].Text = "--" + w.Name()
		case w.Kind == commandline.Value && w.Joined != "" && w.Joined != "=":
			why = line[i-1].Text + " and its value are in one word, and no = between them"
			mended = slices.Clone(line)
			mended[i].Joined, mended[i].Text = "=", strings.TrimSpace(w.Text)
		case w.Kind == commandline.Flag && !isBoolean(f) && line.ValueOf(i) < 0:
			why = w.Text + " has no value"
		case w.Kind == commandline.Argument && len(commandline.Similar(w.Text, verbs)) > 0:
			why, next = fmt.Sprintf("unexpected argument %q", w.Text), "did you mean: whoami-server "+commandline.Similar(w.Text, verbs)[0]
		case w.Kind == commandline.Argument || w.Kind == commandline.Separator: // it may be a secret
			if why = "unexpected argument"; !strings.Contains(w.Text, "@") {
				why += fmt.Sprintf(" %q", w.Text)
			}
		case w.Kind == commandline.Value && strings.HasSuffix(line[i-1].Name(), "listen") && isNumber(w.Text) && origin.ValidPort(w.Text):
			why = fmt.Sprintf("%s %q is not host:port", line[i-1].Text, w.Text)
			mended = slices.Clone(line)
			mended[i].Text = "127.0.0.1:" + w.Text
		case w.Kind == commandline.Value && strings.HasSuffix(line[i-1].Name(), "listen") && !strings.Contains(w.Text, ":"):
			why = line[i-1].Text + " takes host:port"
		}
		switch {
		case why == "":
			continue
		case mended == nil:
			return hint.With(errors.New(strings.Join(append(wrong, why), "; ")), next)
		}
		wrong, line, i = append(wrong, why), mended, i-1
	}
	if len(wrong) == 0 {
		return hint.With(errors.New("the command line cannot be read"), "see whoami-server --help")
	}
	return hint.With(errors.New(strings.Join(wrong, "; ")), "did you mean: "+line.Show(program, shownValue))
}

// similarFlags are the flags that were probably meant.
func similarFlags(fs *flag.FlagSet, name string) (names []string) {
	if ours, known := otherNames[name]; known {
		return []string{ours}
	}
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return commandline.Similar(name, names)
}

func isBoolean(f *flag.Flag) bool {
	if f == nil {
		return false
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// shownValue is the value of a flag in a line that is proposed: an address of the bus may
// hold a password.
func shownValue(flag, value string) string {
	if flag == "bus" {
		return "URL"
	}
	return value
}

// misspelled are variables that are none of ours and nearly are, as WHOAMI_ISUER, with
// those that were meant. Others are no mistake: Kubernetes sets WHOAMI_PORT and
// WHOAMI_SERVICE_HOST for a service of that name.
func misspelled(fs *flag.FlagSet, environ []string) (all []error) {
	const prefix = "WHOAMI_"
	names := []string{strings.TrimPrefix(secretVariable, prefix), strings.TrimPrefix(profileVariable, prefix)}
	fs.VisitAll(func(f *flag.Flag) { names = append(names, strings.TrimPrefix(variable(f.Name), prefix)) })
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		short, ours := strings.CutPrefix(strings.ToUpper(name), prefix)
		if !ours || slices.Contains(names, strings.TrimPrefix(name, prefix)) {
			continue
		}
		if meant := commandline.Similar(short, names); len(meant) == 1 {
			other := prefix + meant[0]
			all = append(all, hint.With(fmt.Errorf("the variable %s is not known", name), "did you mean "+other+"?"))
		}
	}
	return all
}
