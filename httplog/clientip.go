package httplog

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the addresses of the proxies whose headers are believed.
type proxies []netip.Prefix

func newProxies(prefixes []netip.Prefix) proxies {
	trusted := make(proxies, 0, len(prefixes))
	for _, p := range prefixes {
		if addr := p.Addr(); addr.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
		}
		trusted = append(trusted, p)
	}
	return trusted
}

func (p proxies) trust(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// maxHops bounds how many addresses of a header are looked at.
const maxHops = 64

// client returns the address of the request's client, or the zero Addr when the
// request did not come over IP.
//
// Every proxy appends the address that it saw to a list, and whatever is left
// of an untrusted address may be made up by the client. So the list is read
// from the right, as long as the addresses are trusted. An entry that is no
// address ends the reading: what is left of it proves nothing. Of several
// headers only one counts, because a proxy passes on as they came those that it
// does not know.
func (p proxies) client(r *http.Request) netip.Addr {
	client := parseAddr(r.RemoteAddr)
	if !p.trust(client) {
		return client
	}
	lines, split := r.Header["X-Forwarded-For"], splitList
	if len(lines) == 0 {
		lines, split = r.Header["Forwarded"], splitForwarded
	}
	if len(lines) == 0 {
		lines, split = r.Header["X-Real-Ip"], splitList
	}
	hops := 0
	for _, line := range slices.Backward(lines) {
		for _, entry := range slices.Backward(split(line)) {
			addr := parseAddr(entry)
			if hops++; !addr.IsValid() || hops > maxHops {
				return client
			}
			if client = addr; !p.trust(client) {
				return client
			}
		}
	}
	return client
}

// splitList returns the last entries of X-Forwarded-For.
func splitList(line string) []string {
	var entries []string
	for range maxHops {
		i := strings.LastIndexByte(line, ',')
		entries = append(entries, strings.TrimSpace(line[i+1:]))
		if i < 0 {
			break
		}
		line = line[:i]
	}
	slices.Reverse(entries)
	return entries
}

// splitForwarded returns the value of "for" in each element of a Forwarded
// header, "" where there is none. A line in which a quotation has no end is one
// entry that is no address: nobody can say what a proxy appended to it.
func splitForwarded(line string) []string {
	var nodes []string
	node, start, quoted := "", 0, false
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || !quoted && (line[i] == ',' || line[i] == ';'):
			name, value, _ := strings.Cut(line[start:i], "=")
			if strings.EqualFold(strings.TrimSpace(name), "for") {
				node = strings.Trim(value, "\" \t")
			}
			if start = i + 1; i == len(line) || line[i] == ',' {
				nodes, node = append(nodes, node), ""
			}
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '\\' && quoted:
			i++
		}
	}
	if quoted {
		return []string{""}
	}
	return nodes
}

// appendClient appends the address of the request's client, if any.
func (p proxies) appendClient(b []byte, r *http.Request) []byte {
	if len(p) == 0 {
		if n := ipv4Len(r.RemoteAddr); n > 0 { // is written as it is logged
			return append(b, r.RemoteAddr[:n]...)
		}
	}
	if addr := p.client(r); addr.IsValid() {
		return addr.AppendTo(b)
	}
	return b
}

// parseAddr returns the address in s, which may have a port, brackets around an
// IPv6 address, and a zone. The zone is left out: it is a name on the machine
// that wrote it, and whatever a client wants when a client wrote it. The zero
// Addr means that s is no address.
func parseAddr(s string) netip.Addr {
	colon := strings.LastIndexByte(s, ':')
	switch {
	case strings.HasPrefix(s, "["):
		end := strings.IndexByte(s, ']')
		if end < 0 || end != len(s)-1 && (end+1 != colon || !isPort(s[colon+1:])) || strings.IndexByte(s[:end], ':') < 0 {
			return netip.Addr{}
		}
		s = s[1:end]
	case colon >= 0 && strings.IndexByte(s, ':') == colon: // IPv6 without brackets has two or more
		if !isPort(s[colon+1:]) {
			return netip.Addr{}
		}
		s, colon = s[:colon], -1
	}
	if colon >= 0 {
		s, _, _ = strings.Cut(s, "%")
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// ipv4Len returns the length of the address in s when that is an IPv4 address, as
// it should be written, and a port: what most servers see of their peers. It is 0
// for all else.
func ipv4Len(s string) int {
	begin, end := 0, 0 // of a number
	for dots := 0; ; dots++ {
		value := 0
		for ; end < len(s) && isDigit(s[end]); end++ {
			value = 10*value + int(s[end]-'0')
		}
		switch digits := end - begin; {
		case digits == 0, digits > 3, value > 255, digits > 1 && s[begin] == '0', end == len(s):
			return 0
		case s[end] == ':' && dots == 3 && isPort(s[end+1:]):
			return end
		case s[end] != '.' || dots == 3:
			return 0
		}
		end++
		begin = end
	}
}

func isPort(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 5
}
