package hints

// elsewhere are the hints that tests of other packages run, as folder and name.
var elsewhere = map[string]string{
	"build it with go1.26.9 or newer": "internal/build: TestAnOldGoIsMendedByTheChannel",
	"to update it: …":                 "internal/build: TestAnOldGoIsMendedByTheChannel",
	"to update it, run: …":            "test/script: TestVersionCheckWithoutAnAddress", // in a clone, from its publisher
}
