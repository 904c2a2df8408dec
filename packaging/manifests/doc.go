// Command manifests writes the files by which others install a release: the formula of
// Homebrew, the manifests of Scoop and winget, the PKGBUILD of the AUR, and install.sh.
//
//		go run ./packaging/manifests -install FILE
//		go run ./packaging/manifests -dist DIST -date DATE
//
//	 1. Each file is a template in the folder templates. Who publishes comes from
//	    packaging/publisher.
//	 2. install.sh is written before the release is built, because SHA256SUMS names it.
//	 3. The others are written after it, to DIST/manifests: they name archives, with the
//	    sums that SHA256SUMS has. An archive that is not there is an error.
package main
