package deploycheck

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/yaml"

	"github.com/ledger-sdk/ledger-go/ledgerprom"
)

// promtool runs Prometheus' own checker. Without it the test is skipped, unless
// PROMTOOL=required says that it must be there, as .ci/deploy does.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("PROMTOOL") == "required" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed (Debian's package prometheus has it)")
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlertRules(t *testing.T) {
	promtool(t, "check", "rules", filepath.Join(deploy, "prometheus", "ledger-alerts.yml"))
	promtool(t, "check", "config", filepath.Join(deploy, "prometheus", "prometheus.yml"))
	promtool(t, "test", "rules", filepath.Join(deploy, "prometheus", "ledger-alerts_test.yml"))
	promtool(t, "check", "rules", filepath.Join(deploy, "collector", "alerts.yml"))
	promtool(t, "test", "rules", filepath.Join(deploy, "collector", "alerts_test.yml"))
}

type dashboard struct {
	UID    string
	Panels []struct {
		ID      int
		Title   string
		Type    string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ RefID, Expr string }
	}
	Templating struct{ List []struct{ Name string } }
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, "grafana", "ledger-sdk.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardIsWhole(t *testing.T) {
	d := readDashboard(t)
	if len(d.Panels) == 0 {
		t.Fatal("no panels")
	}
	ids := make(map[int]bool)
	for i, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		a := p.GridPos
		if a.W <= 0 || a.H <= 0 || a.X+a.W > 24 {
			t.Errorf("panel %q does not fit: %+v", p.Title, a)
		}
		for _, q := range d.Panels[:i] {
			if b := q.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q overlap", p.Title, q.Title)
			}
		}
		for _, target := range p.Targets {
			for _, variable := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				known := strings.HasPrefix(variable[1], "__")
				for _, v := range d.Templating.List {
					known = known || v.Name == variable[1]
				}
				if !known {
					t.Errorf("panel %q: no variable %s", p.Title, variable[0])
				}
			}
		}
	}
}

// Grafana's variables are filled in, and the queries checked as rules.
func TestDashboardQueriesParse(t *testing.T) {
	fill := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$job", ".*", "$instance", ".*")
	var rules []map[string]string
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			rules = append(rules, map[string]string{"record": "checked:" + strings.ToLower(target.RefID) + string(rune('a'+p.ID)), "expr": fill.Replace(target.Expr)})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

// Whatever the dashboard and the alerts ask for, ledgerprom has.
func TestMetricsExist(t *testing.T) {
	exported := make(map[string]bool)
	descriptions := make(chan *prometheus.Desc, 100)
	ledgerprom.NewCollector(nil).Describe(descriptions)
	close(descriptions)
	for d := range descriptions {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())
		exported[name[1]] = true
	}
	for _, file := range []string{"grafana/ledger-sdk.json", "prometheus/ledger-alerts.yml", "prometheus/ledger-alerts_test.yml"} {
		text, err := os.ReadFile(filepath.Join(deploy, file))
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\bledger_[a-z_]+`).FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range names {
			if !exported[name] {
				t.Errorf("%s: no metric %s", file, name)
			}
		}
	}
}
