package environ

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type options struct {
	Text    string `env:"TEST_TEXT"`
	Untold  string
	Wait    time.Duration `env:"TEST_WAIT"`
	Level   slog.Leveler  `env:"TEST_LEVEL"`
	Count   int           `env:"TEST_COUNT"`
	Share   float64       `env:"TEST_SHARE"`
	Enabled bool          `env:"TEST_ENABLED"`
	Names   []string      `env:"TEST_NAMES"`
}

func TestFillReadsWhatIsZero(t *testing.T) {
	got := options{Text: "set", Count: 1}
	vars := Of([]string{
		"TEST_TEXT=other", "TEST_COUNT=not even read", "TEST_WAIT= 2.5 ", "TEST_LEVEL=warning", "TEST_SHARE=0.5",
		"TEST_ENABLED=true", "TEST_NAMES=a,b=c", "Untold=x", "TEST_OTHER=y",
	})
	Fill(&got, vars, func(field string, err error) { t.Errorf("%s: %v", field, err) })
	want := options{
		Text: "set", Wait: 2500 * time.Millisecond, Level: slog.LevelWarn, Count: 1, Share: 0.5, Enabled: true, Names: []string{"a", "b=c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFaultsAreWords(t *testing.T) {
	got := make(map[string]string)
	vars := map[string]string{
		"TEST_WAIT": "often", "TEST_LEVEL": "loud", "TEST_COUNT": "99999999999999999999", "TEST_SHARE": "half", "TEST_ENABLED": "perhaps",
	}
	Fill(&options{}, vars, func(field string, err error) { got[field] = err.Error() })
	want := map[string]string{
		"Wait":    `"often" is not a duration: want 5s, or seconds as 5.0`,
		"Level":   `"loud" is not a level: want a name such as INFO or WARN+2`,
		"Count":   `"99999999999999999999" is too large`,
		"Share":   `"half" is not a number`,
		"Enabled": `"perhaps" is neither true nor false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	Fill(&options{}, map[string]string{"TEST_COUNT": "2.5"}, func(_ string, err error) {
		if want := `"2.5" is not a whole number`; err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"5s": 5 * time.Second, "5.0": 5 * time.Second, "-1": -time.Second, "1m30s": 90 * time.Second, "1e-3": time.Millisecond} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5 s", "NaN", "Inf", "1e300", "9223372037"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is a duration: %v", text, got)
		}
	}
}

func TestNamesOfVariables(t *testing.T) {
	if got := []string{NameOf[options]("Wait"), NameOf[options]("Untold"), NameOf[options]("Missing")}; !slices.Equal(got, []string{"TEST_WAIT", "", ""}) {
		t.Errorf("%q", got)
	}
	vars := Of([]string{"TEST_TEXTS=1", "TEST_WAIT=1", "TEST_A=", "OTHER=1", "TEST_SERVICE_HOST=1"})
	if got := Unknown[options](vars, "TEST_"); !slices.Equal(got, []string{"TEST_A", "TEST_TEXTS"}) {
		t.Errorf("%q", got)
	}
}

// Kubernetes sets variables for each service of the namespace, also for one that is
// named ledger.
func TestVariablesOfKubernetesAreNotUnknown(t *testing.T) {
	for _, name := range []string{
		"LEDGER_SERVICE_HOST", "LEDGER_SERVICE_PORT", "LEDGER_SERVICE_PORT_HTTP", "LEDGER_PORT", "LEDGER_PORT_8000_TCP",
		"LEDGER_PORT_8000_TCP_PROTO", "LEDGER_PORT_8000_TCP_PORT", "LEDGER_PORT_8000_TCP_ADDR", "LEDGER_SERVER_SERVICE_HOST",
	} {
		if !ofService(name) {
			t.Errorf("%s counts as unknown", name)
		}
	}
	for _, name := range []string{"LEDGER_SERVICE", "LEDGER_FLUSH_INTERVALL", "LEDGER_PORTS"} {
		if ofService(name) {
			t.Errorf("%s counts as one of Kubernetes", name)
		}
	}
}
