package foreign

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// What is withheld shows in no message, address or log, wherever it stands and
// whatever it begins with; a word that is too short to be a secret is left.
func TestWithheldIsRedacted(t *testing.T) {
	Withhold("secret-of-the-test")
	Withhold("secret-of-the-test-and-more")
	Withhold("a word")
	const said = "you sent Bearer secret-of-the-test-and-more, secret-of-the-test; a word"
	const want = "you sent Bearer [redacted], [redacted]; a word"
	if got := Line(said); got != want {
		t.Errorf("Line: %s", got)
	}
	if got := Line(strings.Repeat("x", MaxLine-20) + "secret-of-the-test"); strings.Contains(got, "secret") {
		t.Errorf("a part is left where the line is cut: %s", got)
	}
	if got := ShortAddress("https://x.example/?t=secret-of-the-test"); strings.Contains(got, "secret") {
		t.Errorf("ShortAddress: %s", got)
	}
	var log strings.Builder
	slog.New(NewLogLimit(slog.NewTextHandler(&log, nil))).Info("refused", "reason", fmt.Errorf("because of %s", "secret-of-the-test"))
	if strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), Redacted) {
		t.Errorf("log: %s", log.String())
	}
}

// The values that are withheld are bounded: the newest stay.
func TestWithheldValuesAreBounded(t *testing.T) {
	for i := range 2 * maxWithheld {
		Withhold(fmt.Sprintf("value-number-%d.", i))
	}
	if got := Line(fmt.Sprintf("value-number-0. value-number-%d.", 2*maxWithheld-1)); got != "value-number-0. "+Redacted {
		t.Error(got)
	}
	if n := len(withheld.values); n != maxWithheld {
		t.Errorf("%d values", n)
	}
}
