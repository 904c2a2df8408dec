package hints

// elsewhere are the hints that tests of other packages run, as folder and name.
var elsewhere = map[string]string{}
