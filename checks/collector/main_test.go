package collector

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test's binary be the Collector when it is told to, so that
// tests can kill it, and link it only once.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_GATEWAY") != "" {
		if err := gateway().Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
