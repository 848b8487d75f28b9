// Package recipes holds the code that docs/recipes.md shows, and its tests. It is
// a module of its own for the sake of the loggers and handlers that the recipes
// are about. Nothing imports it.
package recipes
