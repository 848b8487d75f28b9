package ledger

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// What becomes of a batch after a round, case by case.
func TestVerdicts(t *testing.T) {
	refused := outcome{kind: outcomeRefused, status: http.StatusUnprocessableEntity}
	failed := outcome{kind: outcomeServerError, status: http.StatusBadGateway}
	named := refused
	named.answer.Positions = []int{1, 4}
	again := outcome{kind: outcomeRefused, status: http.StatusBadRequest, again: true}
	taken := outcome{kind: outcomeTaken, answer: wire.Answer{Rejected: 3}}
	search := &halving{began: 5, pieces: 2}
	searchTaken := &halving{began: 5, pieces: 2, taken: true}

	for name, test := range map[string]struct {
		n         int
		notes     notes
		round     roundResult
		searching bool
		want      verdict
	}{
		"taken, but for some":              {n: 10, round: roundResult{last: taken}, want: verdict{fate: delivered, rejected: 3}},
		"taken, with an impossible number": {n: 2, round: roundResult{last: taken}, want: verdict{fate: delivered, rejected: 2}},
		"nothing was attempted":            {n: 2, want: verdict{wait: retryHeld}},
		"throttled":                        {n: 2, round: roundResult{last: outcome{kind: outcomeThrottled}}},
		"network error":                    {n: 2, round: roundResult{last: outcome{kind: outcomeNetworkError}, delay: time.Second}, want: verdict{wait: time.Second}},

		"refused for its form":           {n: 2, round: roundResult{last: again}},
		"refused for named entries":      {n: 5, round: roundResult{last: named}, want: verdict{fate: dropSome, positions: []int{1, 4}}},
		"refused":                        {n: 5, round: roundResult{last: refused}, want: verdict{fate: halve}},
		"refused alone":                  {n: 1, round: roundResult{last: refused}, want: verdict{fate: dropAll, reason: stats.Rejected}},
		"too large":                      {n: 2, round: roundResult{last: outcome{kind: outcomeTooLarge}}, want: verdict{fate: halve}},
		"too large alone":                {n: 1, round: roundResult{last: outcome{kind: outcomeTooLarge}}, want: verdict{fate: dropAll, reason: stats.TooLarge}},
		"a first 400 alone may be noise": {n: 1, round: roundResult{last: outcome{kind: outcomeRefused, status: 400}}, want: verdict{notes: notes{doubted: true}}},
		"a second is not": {
			n: 1, notes: notes{doubted: true}, round: roundResult{last: outcome{kind: outcomeRefused, status: 400}},
			want: verdict{fate: dropAll, reason: stats.Rejected, notes: notes{doubted: true}},
		},

		"a first failed round":         {n: 8, round: roundResult{last: failed, delay: 2}, want: verdict{wait: 2, notes: notes{failedRounds: 1, lastFailed: 9}}},
		"a second begins a search":     {n: 8, notes: notes{failedRounds: 1}, round: roundResult{last: failed}, want: verdict{fate: halve, notes: notes{failedRounds: 2, lastFailed: 9, born: -1, halving: &halving{began: 9, pieces: 1}}}},
		"but one search at a time":     {n: 8, notes: notes{failedRounds: 1}, searching: true, round: roundResult{last: failed}, want: verdict{notes: notes{failedRounds: 2, lastFailed: 9}}},
		"a piece, nothing taken since": {n: 4, notes: notes{halving: search, born: 9}, searching: true, round: roundResult{last: failed}, want: verdict{notes: notes{failedRounds: 1, lastFailed: 9, halving: search, born: 9}}},
		"a piece, others taken since":  {n: 4, notes: notes{halving: search, born: 8}, searching: true, round: roundResult{last: failed}, want: verdict{fate: halve, notes: notes{failedRounds: 1, lastFailed: 9, halving: search, born: 8}}},
		"a lone entry, not a full round": {
			n: 1, notes: notes{halving: searchTaken}, searching: true, round: roundResult{last: failed, beside: true},
			want: verdict{notes: notes{failedRounds: 1, lastFailed: 9, halving: searchTaken}},
		},
		"a lone entry whose neighbour was taken": {
			n: 1, notes: notes{halving: searchTaken}, searching: true, round: roundResult{last: failed, full: true},
			want: verdict{fate: dropAll, reason: stats.Rejected, notes: notes{failedRounds: 1, lastFailed: 9, halving: searchTaken}},
		},
		"a lone entry that failed beside others": {
			n: 1, notes: notes{halving: search}, searching: true, round: roundResult{last: failed, full: true, beside: true},
			want: verdict{notes: notes{failedRounds: 1, lastFailed: 9, halving: search, failedAlone: true}},
		},
		"and once more": {
			n: 1, notes: notes{halving: search, failedAlone: true}, searching: true, round: roundResult{last: failed, full: true, beside: true},
			want: verdict{fate: dropAll, reason: stats.Rejected, notes: notes{failedRounds: 1, lastFailed: 9, halving: search, failedAlone: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(test.n, test.notes, test.round, 9, test.searching)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(verdict{}, notes{}, halving{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
