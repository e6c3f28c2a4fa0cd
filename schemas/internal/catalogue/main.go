// Command catalogue writes docs/events.md, the catalogue of events, from the schemas and their samples. It is run from the
// folder schemas, by go generate.
package main

import (
	"fmt"
	"os"
)

func main() {
	page, err := render("testdata")
	if err == nil {
		err = os.WriteFile("../docs/events.md", page, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "catalogue:", err)
		os.Exit(1)
	}
}
