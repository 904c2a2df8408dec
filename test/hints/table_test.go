package hints

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

// row is one hint, and what shows that it is true.
type row struct {
	// hint is as find returns it.
	hint string
	// lab changes the provider, and site is what answers in the place of the server.
	lab  func(*devidp.Config)
	site http.Handler
	// presents is what the host with TLS presents.
	presents func(*tls.ClientHelloInfo) (*tls.Config, error)
	// needs is a line that succeeds where the row can be run at all.
	needs string
	// serve is site where that depends on the world.
	serve func(*world) http.Handler
	// before is a line that has to be run first, with success.
	before string
	// meanwhile is what happens elsewhere after that.
	meanwhile func(*world)
	// when prints the hint, and fails.
	when string
	// mend is what somebody does who is not at this machine, such as an operator.
	mend func(w *world)
	// does is what the person does, as the hint says: a line, "" to run the command of
	// the hint as it is printed. It succeeds.
	does string
	// then is a line that succeeds afterwards, "" for none beside does.
	then string
	// still is what the last line may fail with, where the rest of the situation
	// remains.
	still string
}

func TestHints(t *testing.T) {
	for _, r := range rows() {
		name := r.hint
		if len(name) > 50 {
			name = name[:50]
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.prove(newWorld(t, r.lab))
		})
	}
}

// prove brings the situation about, does what the hint says, and looks whether that
// helped.
func (r row) prove(w *world) {
	w.t.Helper()
	if r.needs != "" {
		if _, err := w.run(r.needs); err != nil {
			real.Missing(w.t, r.needs, "run it as root with CAP_SYS_ADMIN, or allow user namespaces; apt-get install --no-install-recommends util-linux iproute2 dbus gnome-keyring")
		}
	}
	if r.before != "" {
		if _, err := w.run(r.before); err != nil {
			w.t.Fatal(err)
		}
	}
	if r.meanwhile != nil {
		r.meanwhile(w)
	}
	if w.site, w.presents = r.site, r.presents; r.serve != nil {
		w.site = r.serve(w)
	}
	said, err := w.run(r.when)
	all := pattern(r.hint).FindAllStringIndex(said, -1)
	if all == nil {
		w.t.Fatalf("%q is not said, %v", r.hint, err)
	}
	at := all[len(all)-1]
	line := r.does
	if line == "" && r.mend == nil {
		if line = printed(said, at); line == "" {
			w.t.Fatalf("no command in the hint: %s", said[at[0]:])
		}
	}
	if r.mend != nil {
		r.mend(w)
	}
	for _, line := range []string{line, r.then} {
		if line == "" {
			continue
		}
		said, err = w.run(line)
		if err != nil && (r.still == "" || !strings.Contains(said, r.still)) {
			w.t.Errorf("it does not help: %v", err)
		}
		if at := pattern(r.hint).FindString(said); at != "" && r.then != line {
			w.t.Errorf("it is said again: %s", at)
		}
	}
}

// rows is the whole table.
func rows() []row {
	return slices.Concat(ofTheCommandLine(), ofAccounts(), ofTheStore(), ofTheNetwork(), ofReach(), ofTheBridge(), ofWhatIsKept(), ofTheLogin(), ofImport(), ofTheProvider(), ofSigningIn(), ofFaults(), ofWhoami(),
		ofMetadata(), ofClients(), ofThisMachine(), ofInquiries(), ofAnswers(), ofAskingAgain(), ofThePlatform())
}
