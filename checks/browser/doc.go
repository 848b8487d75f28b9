// Package browser tests the page of ledgerview in a real Chromium: what a reader sees, clicks and types.
//
// It is a module of its own, so that chromedp stays out of the library. The browser is CHROMIUM, otherwise
// /usr/bin/chromium; without one the tests are skipped, unless CHROMIUM is set. With -shots DIR the pictures of
// docs/ledgerview.md are written.
package browser
