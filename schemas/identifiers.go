package schemas

import (
	"strings"

	"amends/domain"
)

// The rules for attributes that are identifiers. They match events/common/ids.json where both speak
// of the same thing.
var (
	customerPattern = mustMatch(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	eventIDPattern  = mustMatch(`^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$`)
	personPattern   = mustMatch(`^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$`)
	// sourcePattern: the characters of a URI reference, none of which needs an escape in JSON.
	sourcePattern = mustMatch(`^[!#-;=?-\[\]_a-z~][!#-;=?-\[\]_a-z~]{0,511}$`)
	tracePattern  = mustMatch(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
)

func mustMatch(pattern string) matcher {
	m, err := newMatcher(pattern)
	if err != nil {
		panic(err) // a literal of this file
	}
	return m
}

var attributePatterns = [attrCount]struct {
	pattern matcher
	rule    string
}{
	attrID: {eventIDPattern, "1 to 128 letters, digits, or . _ : / - (it begins with a letter or a digit)"},
	attrSource: {sourcePattern,
		"a URI reference of 1 to 512 ASCII characters that names the sending system, such as urn:crm or /helpdesk"},
	attrActor: {personPattern,
		"1 to 128 letters, digits, or . _ : - (it begins with a letter, a digit or _): an id, never a name or an address"},
	attrCorrelationID: {eventIDPattern, "1 to 128 letters, digits, or . _ : / - (it begins with a letter or a digit)"},
	attrCausationID:   {eventIDPattern, "1 to 128 letters, digits, or . _ : / - (it begins with a letter or a digit)"},
	attrTraceparent:   {tracePattern, "a W3C trace context, such as 00-<32 hex digits>-<16 hex digits>-01"},
}

// matching is a string attribute that obeys its pattern.
func (a *attributes) matching(i int, required bool) (string, *Problem) {
	text, p := a.text(i, required)
	if p != nil || a.value[i] == nil {
		return text, p
	}
	rule := attributePatterns[i]
	if !rule.pattern.MatchString(text) {
		name := attributeNames[i]
		return "", problem(wrongFormat, "/"+name, "The attribute "+name+" must be "+rule.rule+".")
	}
	return text, nil
}

// subject is the customer id, which must carry no personal data: ids stand in logs, in metrics and in what is proved, and
// outlive every erasure.
func subject(attrs *attributes, t domain.Type) (string, *Problem) {
	text, p := attrs.text(attrSubject, true)
	if p != nil {
		return "", p
	}
	const advice = "Customer ids carry no personal data, because they stay readable for ever: use an id of your own, " +
		"such as c-1042, and record the address or the number with customer.identity_linked."
	switch {
	case t.LedgerOwn() && text != domain.LedgerStream:
		return "", problem(invalidSubject, "/subject",
			string(t)+" belongs to the ledger's own stream: the subject must be "+domain.LedgerStream+".")
	case t.LedgerOwn():
		return domain.LedgerStream, nil
	case text == domain.LedgerStream:
		return "", problem(invalidSubject, "/subject",
			"The stream "+domain.LedgerStream+" holds the ledger's own records only, and "+string(t)+" is about a customer.")
	case strings.ContainsRune(text, '@'):
		return "", problem(personalSubject, "/subject", "The customer id looks like an email address. "+advice)
	case looksLikePhone(text):
		return "", problem(personalSubject, "/subject", "The customer id looks like a telephone number. "+advice+
			" If your ids are numbers, put a letter before them.")
	case !customerPattern.MatchString(text):
		return "", problem(invalidSubject, "/subject",
			"The customer id must be 1 to 64 letters, digits, _ or - (it begins with a letter or a digit).")
	}
	return text, nil
}

// looksLikePhone reports whether a text is written like a telephone number. Plain account numbers are let through, which is
// why the length and the first digits count: with a plus; with 00 and a country code; a national number with its leading
// zero; a Chinese mobile number; or groups of digits as 555-123-4567.
func looksLikePhone(text string) bool {
	digits, groups := 0, 1
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '+' && i == 0:
		case strings.IndexByte(" -_.()/", c) >= 0:
			groups++
		default:
			return false
		}
	}
	switch {
	case digits < 7 || digits > 15:
		return false
	case text[0] == '+' || text[0] == '(' || groups >= 3 && digits >= 9:
		return true
	case groups == 2: // area code and number: 010-12345678, 555-1234
		return text[0] == '0' || digits == 7
	case strings.HasPrefix(text, "00"):
		return text[2] != '0' && digits >= 12
	case text[0] == '0':
		return text[1] != '0' && (digits == 10 || digits == 11)
	}
	return digits == 11 && text[0] == '1' && text[1] >= '3'
}
