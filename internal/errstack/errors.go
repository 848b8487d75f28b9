// Package errstack describes errors and panics as text: the type that says most
// about an error, its causes, and the stack that it carries or that led to the log
// call, written so that the server's grouping reads it.
//
// The encoder calls it for an entry's error, the transport and the crash reader
// for panics. It trusts no method of an error. It must never know what an entry
// is.
package errstack

import (
	"errors"
	"reflect"
	"slices"
)

// wrapperPackages declare error types that only wrap, or only carry a text. They
// say nothing about what went wrong.
var wrapperPackages = []string{
	"errors", "fmt", "github.com/pkg/errors",
	"github.com/cockroachdb/errors/withstack", "github.com/cockroachdb/errors/errutil",
	"golang.org/x/xerrors", "github.com/go-errors/errors", "github.com/samber/oops",
	"go.uber.org/multierr", "github.com/hashicorp/go-multierror",
}

// plainError is the type of errors.New and of fmt.Errorf without %w, which most
// errors have.
var plainError = reflect.TypeOf(errors.New(""))

// plainType is its name.
var plainType = plainError.String()

// telling returns the first type in err's tree that says something.
func telling(err error, budget *int) reflect.Type {
	for err != nil && *budget > 0 {
		*budget--
		if t := reflect.TypeOf(err); !isWrapper(t) {
			return t
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, branch := range e.Unwrap() {
				if t := telling(branch, budget); t != nil {
					return t
				}
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

func isWrapper(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return isPanic(t) || slices.Contains(wrapperPackages, t.PkgPath())
}

// isPanic reports whether t is what this module makes of a panic, which says no more
// than the panic's value if that is an error.
func isPanic(t reflect.Type) bool {
	return t.Name() == "panicError" && (t.PkgPath() == ModulePath || t.PkgPath() == ModulePath+"/httplog")
}

func innermost(err error) error {
	for range maxErrors {
		causes := causesOf(err)
		if len(causes) == 0 {
			break
		}
		err = causes[0]
	}
	return err
}

// causesOf returns what err wraps, or nil.
func causesOf(err error) (causes []error) {
	defer func() {
		if recover() != nil {
			causes = nil
		}
	}()
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		causes = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		causes = slices.Clone(e.Unwrap())
	case interface{ Cause() error }: // pkg/errors before Unwrap existed
		causes = []error{e.Cause()}
	}
	return slices.DeleteFunc(causes, func(c error) bool { return c == nil })
}

// Text returns err's text, or what its Error method panicked with.
func Text(err error) (text string) {
	if reflect.TypeOf(err) == plainError {
		return err.Error() // the usual case, which cannot fail
	}
	defer func() {
		if p := recover(); p != nil {
			text = PanicText(err, p)
		}
	}()
	return err.Error()
}
