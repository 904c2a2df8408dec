package hints

// elsewhere are the hints that tests of other packages run, as folder and name.
var elsewhere = map[string]string{
	"to update it, run: …": "test/script: TestVersionCheckWithoutAnAddress", // in a clone, from its publisher
}
