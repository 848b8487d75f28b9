// Package examples checks that each example is what one would copy. It takes the
// example's folder out of the repository, builds it as a module of another name,
// runs it against a ledgertest server, and looks at what arrived, at standard
// output, and at the exit code.
//
// CI runs it (.ci/examples). It knows the examples only as programs.
package examples
