package throttle

import (
	"context"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/common"
)

// A Guard is a policy of failsafe-go that stands around an attempt: it calls next
// for the attempt and what guards it further, or returns the zero R where there is
// to be none.
type Guard[R any] func(ctx context.Context, next func() R) R

// ToExecutor makes Guard a [failsafe.Policy].
func (g Guard[R]) ToExecutor(R) any { return g }

// Apply is what the executor of a failsafe.Policy does.
func (g Guard[R]) Apply(inner func(failsafe.Execution[R]) *common.PolicyResult[R]) func(failsafe.Execution[R]) *common.PolicyResult[R] {
	return func(e failsafe.Execution[R]) *common.PolicyResult[R] {
		out := g(e.Context(), func() R { return inner(e).Result })
		return &common.PolicyResult[R]{Result: out, Done: true, Success: true, SuccessAll: true}
	}
}
