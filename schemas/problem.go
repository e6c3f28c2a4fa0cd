package schemas

// Problem says why a record is refused: the members of RFC 9457 that concern the record. It names the field and the rule,
// and never repeats a value.
type Problem struct {
	Type    string `json:"type"` // urn:amends:problem:<slug>
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Pointer string `json:"pointer,omitempty"` // RFC 6901, from the record's root; empty: the record as a whole
}

// Error is the title, the field and the detail.
func (p *Problem) Error() string {
	if p.Pointer == "" {
		return p.Title + ": " + p.Detail
	}
	return p.Title + " at " + p.Pointer + ": " + p.Detail
}

// problemPrefix begins the type of every problem.
const problemPrefix = "urn:amends:problem:"

// slug is a kind of problem. The slugs are part of the contract with senders.
type slug string

const (
	malformedJSON    slug = "malformed-json"
	invalidUTF8      slug = "invalid-utf8"
	duplicateField   slug = "duplicate-field"
	unknownField     slug = "unknown-field"
	missingField     slug = "missing-field"
	wrongType        slug = "wrong-type"
	unknownCode      slug = "unknown-code"
	wrongFormat      slug = "wrong-format"
	outOfRange       slug = "out-of-range"
	wrongLength      slug = "wrong-length"
	invalidData      slug = "invalid-data"
	setByLedger      slug = "set-by-ledger"
	unknownType      slug = "unknown-type"
	unknownSchema    slug = "unknown-schema"
	invalidSubject   slug = "invalid-subject"
	personalSubject  slug = "personal-subject"
	invalidTime      slug = "invalid-time"
	timeYear         slug = "time-year-out-of-range"
	timeBefore1900   slug = "time-before-1900"
	timeInFuture     slug = "time-in-future"
	recordTooLarge   slug = "record-too-large"
	wrongCorrection  slug = "wrong-correction"
	contentEncoding  slug = "content-encoding"
	unstorableText   slug = "unstorable-text"
	unsupportedValue slug = "unsupported-value"
)

var titles = map[slug]string{
	malformedJSON:    "Malformed JSON",
	invalidUTF8:      "Invalid UTF-8",
	duplicateField:   "Duplicate field",
	unknownField:     "Unknown field",
	missingField:     "Missing field",
	wrongType:        "Wrong type",
	unknownCode:      "Unknown code",
	wrongFormat:      "Wrong format",
	outOfRange:       "Out of range",
	wrongLength:      "Wrong length",
	invalidData:      "Invalid data",
	setByLedger:      "Set by the ledger",
	unknownType:      "Unknown event type",
	unknownSchema:    "Unknown schema",
	invalidSubject:   "Invalid customer id",
	personalSubject:  "Personal data in the customer id",
	invalidTime:      "Invalid time",
	timeYear:         "Year out of range",
	timeBefore1900:   "Time before 1900",
	timeInFuture:     "Time in the future",
	recordTooLarge:   "Record too large",
	wrongCorrection:  "Wrong correction",
	contentEncoding:  "Unsupported content",
	unstorableText:   "Text that cannot be stored",
	unsupportedValue: "Unsupported value",
}

func problem(s slug, pointer, detail string) *Problem {
	return &Problem{Type: problemPrefix + string(s), Title: titles[s], Detail: detail, Pointer: pointer}
}
