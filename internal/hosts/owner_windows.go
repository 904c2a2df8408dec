package hosts

import (
	"io/fs"
	"os"
)

// keepOwner has nothing to do: new files take the rights of their folder.
func keepOwner(*os.File, fs.FileInfo) error { return nil }
