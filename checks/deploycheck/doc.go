// Package deploycheck holds the checks of the directory deploy. They are a
// module of their own for the sake of the formats' own types and parsers.
package deploycheck
