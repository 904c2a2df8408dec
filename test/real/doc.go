// Package real finds the real parts that some tests need beyond Go: Node and
// npm packages, Chromium, a Secret Service.
//
//  1. A test asks for its part, for example [Chromium].
//  2. The part is there: the test runs.
//  3. It is missing: the test is skipped with a line that names the part and
//     how to get it. With [Require] set in the environment, as in .ci/run, it
//     fails instead: there nothing may be missing.
package real
