// Package environ reads variables of the environment into the fields of a struct that have
// a tag "env" with a variable's name.
//
// Package ledger calls it, with the struct of its options. It must never know what a field
// means, or which values are allowed.
package environ

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/ledger-sdk/ledger-go/internal/levels"
)

// Of returns the values of vars, "name=value" each, by name.
func Of(vars []string) map[string]string { return env.ToMap(vars) }

// NameOf returns the name of the variable of a field of T; "" for none.
func NameOf[T any](field string) string {
	f, _ := reflect.TypeFor[T]().FieldByName(field)
	return f.Tag.Get("env")
}

// variables yields the indices of the fields of T that have a variable, and its name.
func variables[T any]() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		t := reflect.TypeFor[T]()
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("env"); name != "" && !yield(i, name) {
				return
			}
		}
	}
}

// Unknown returns the names in vars, sorted, that begin with prefix and belong to no field
// of T, but for those that Kubernetes sets.
func Unknown[T any](vars map[string]string, prefix string) (names []string) {
	known := make(map[string]bool)
	for _, name := range variables[T]() {
		known[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if strings.HasPrefix(name, prefix) && !known[name] && !ofService(name) {
			names = append(names, name)
		}
	}
	return names
}

// ofService reports whether Kubernetes sets a variable of that name in each pod, for a
// service of the namespace; for one named ledger LEDGER_SERVICE_HOST,
// LEDGER_PORT_8000_TCP_ADDR and others.
func ofService(name string) bool {
	return regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`).MatchString(name)
}

// Fill gives each field of into that is zero the value of its variable. It does not even
// read a variable whose field is set. It calls fault for each value that its field cannot
// have, in words for people.
func Fill[T any](into *T, vars map[string]string, fault func(field string, err error)) {
	fields := reflect.ValueOf(into).Elem()
	wanted := make(map[string]string)
	for i, name := range variables[T]() {
		if value := strings.TrimSpace(vars[name]); value != "" && fields.Field(i).IsZero() {
			wanted[name] = value
		}
	}
	if len(wanted) == 0 {
		return
	}
	err := env.ParseWithOptions(into, env.Options{Environment: wanted, FuncMap: parsers})
	var all env.AggregateError
	if errors.As(err, &all) {
		for _, one := range all.Errors {
			var parse env.ParseError
			if errors.As(one, &parse) {
				fault(parse.Name, notAValue(parse))
			} else {
				fault("environment", one)
			}
		}
	}
}

// parsers read what package env has no parser for, or reads in another way.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[time.Duration](): parseDuration,
	reflect.TypeFor[slog.Leveler]():  func(s string) (any, error) { return levels.Parse(s) },
}

// parseDuration reads "5s", or "5.0" in seconds as programs in Python write it.
func parseDuration(s string) (any, error) {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		nanos := seconds * float64(time.Second)
		if math.IsNaN(nanos) || math.Abs(nanos) >= math.MaxInt64 {
			return nil, fmt.Errorf("%q is not a duration", s)
		}
		return time.Duration(nanos), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a duration: want 5s, or seconds as 5.0", s)
	}
	return d, nil
}

// notAValue words a variable's fault without the names of functions.
func notAValue(fault env.ParseError) error {
	var number *strconv.NumError
	if !errors.As(fault.Err, &number) {
		return fault.Err
	}
	switch kind := fault.Type.Kind(); {
	case errors.Is(number, strconv.ErrRange):
		return fmt.Errorf("%q is too large", number.Num)
	case kind == reflect.Bool:
		return fmt.Errorf("%q is neither true nor false", number.Num)
	case kind == reflect.Float64:
		return fmt.Errorf("%q is not a number", number.Num)
	}
	return fmt.Errorf("%q is not a whole number", number.Num)
}
