// Package baseurl knows what the address of a Ledger server looks like, and what is likely
// wrong with one. Its texts are for people.
//
// Package ledger calls it, with the options and where an answer came from no ingest
// endpoint. This package must never know what becomes of entries, nor see a key.
package baseurl

import (
	"errors"
	"net/url"
	"strings"
)

// Parse returns text as a URL to which paths can be appended. Its errors quote nothing,
// because text may hold a password.
func Parse(text string) (*url.URL, error) {
	if scheme, _, _ := strings.Cut(strings.ToLower(text), "://"); scheme != "http" && scheme != "https" {
		return nil, errors.New("must begin with http:// or https://, such as http://localhost:8000")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, errors.New("must not hold a query or fragment")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}
