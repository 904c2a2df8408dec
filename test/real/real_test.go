package real

import "testing"

// A Node that the Inspector would refuse counts as missing.
func TestNewEnough(t *testing.T) {
	for version, want := range map[string]bool{
		"24.21.0": true, "22.19.0": true, "23.0.0": true,
		"22.18.9": false, "18.20.4": false, "9.9.9": false, "": false, "x": false,
	} {
		if newEnough(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}
