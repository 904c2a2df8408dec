package foreign

import (
	"strings"
	"testing"
)

// What is withheld shows in no quotation, in no spelling, wherever it stands and whatever
// it begins with. A word that is too short to be a secret is left, and so are our own
// sentences: in them a peer could choose what is left out.
func TestQuotationsAreWithoutSecrets(t *testing.T) {
	for _, secret := range []string{"secret/of+the=test", "secret/of+the=test-and-more", "a word"} {
		defer Withhold(secret)()
	}
	const said = "Bearer secret/of+the=test-and-more, secret/of+the=test; secret%2Fof%2Bthe%3Dtest, secret\\/of+the=test, a word"
	const want = "Bearer [redacted], [redacted]; [redacted], [redacted], a word"
	if got := Quote(said); got != want {
		t.Errorf("Quote: %s", got)
	}
	if got := Line(said); got != said {
		t.Errorf("Line: %s", got)
	}
	if got := Quote(strings.Repeat("x", MaxLine-20) + "secret/of+the=test"); strings.Contains(got, "secret") {
		t.Errorf("a part is left where the line is cut: %s", got)
	}
}

// A secret is withheld until all who withhold it have released it, once each.
func TestSecretsAreWithheldUntilReleased(t *testing.T) {
	first, second := Withhold("secret-of-two"), Withhold("secret-of-two")
	first()
	first()
	if got := Quote("it is secret-of-two"); got != "it is "+Redacted {
		t.Error(got)
	}
	second()
	if got := Quote("it is secret-of-two"); got != "it is secret-of-two" {
		t.Error(got)
	}
	if n := len(withheld.values); n != 0 {
		t.Errorf("%d values are left", n)
	}
}
