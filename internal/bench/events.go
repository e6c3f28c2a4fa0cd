package bench

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// firstDay is when the invented histories begin. It is fixed, so that a seed gives the same events on any day.
var firstDay = time.Date(2024, 1, 2, 9, 0, 0, 0, time.UTC)

// event invents the k-th event (from 0) of the customer's history, as a sender would write it. Stored, it has 600 bytes or
// so. Of each hundred events ten are one complaint's course, from registration to closing; the others are contacts. An event
// only points at earlier ones of the same customer, and each is an hour later than the one before.
func event(seed uint64, customer string, k int) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(customer))
	chance := rand.New(rand.NewPCG(seed^h.Sum64(), uint64(k)))
	complaint := fmt.Sprintf("K-%s-%d", customer, k/100+1)
	kind, data := contact(chance)
	if k%100 < 10 {
		kind, data = course(chance, complaint, k%100)
	}
	at := firstDay.Add(time.Duration(k)*time.Hour + time.Duration(h.Sum64()%3_600_000)*time.Millisecond)
	id := fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", at.UnixMilli()>>16, at.UnixMilli()&0xffff,
		chance.Uint32()&0xfff, 0x8000|chance.Uint32()&0x3fff, chance.Uint64()&0xffffffffffff)
	return fmt.Appendf(nil,
		`{"specversion":"1.0","id":%q,"source":"urn:example:contact-centre","type":%q,"subject":%q,"time":%q,"actor":"agent-%d",`+
			`"correlationid":%q,"datacontenttype":"application/json","data":%s}`,
		id, kind, customer, at.Format("2006-01-02T15:04:05.000Z"), chance.IntN(400), complaint, data)
}

// course is step 0 to 9 of a complaint.
func course(chance *rand.Rand, complaint string, step int) (kind, data string) {
	about := func(rest string, args ...any) string {
		return fmt.Sprintf(`{"complaint_id":%q,`+rest+`}`, append([]any{complaint}, args...)...)
	}
	switch step {
	case 0:
		return "complaint.registered", about(`"channel":%q,"subject":"Charged twice for one order","description":%q,`+
			`"product":"Current account","category":"Billing","severity":%q`,
			oneOf(chance, channels), words(chance, 20), oneOf(chance, severities))
	case 1:
		return "complaint.acknowledged", about(`"channel":%q`, oneOf(chance, channels))
	case 2:
		return "interaction.call", about(`"direction":"inbound","purpose":"complaint","handled_by":"agent-%d","summary":%q,`+
			`"sentiment":"negative","duration_seconds":%d`, chance.IntN(400), words(chance, 14), 30+chance.IntN(1500))
	case 3:
		return "complaint.assigned", about(`"owner":"agent-%d","team":"Billing disputes"`, chance.IntN(400))
	case 4:
		return "interaction.email", about(`"direction":"outbound","purpose":"complaint","handled_by":"agent-%d","summary":%q`,
			chance.IntN(400), words(chance, 16))
	case 5:
		return "complaint.classified", about(`"cause":"process.billing","severity":%q`, oneOf(chance, severities))
	case 6:
		return "complaint.decided", about(`"outcome":%q,"reasons":%q`, oneOf(chance, outcomes), words(chance, 14))
	case 7:
		return "complaint.responded", about(`"kind":"final_response","channel":%q`, oneOf(chance, channels))
	case 8:
		return "survey.answered", about(`"metric":"csat","score":%d,"verbatim":%q`, 1+chance.IntN(5), words(chance, 12))
	default:
		return "complaint.closed", about(`"reason":%q`, words(chance, 8))
	}
}

func contact(chance *rand.Rand) (kind, data string) {
	return "interaction." + oneOf(chance, contacts), fmt.Sprintf(
		`{"direction":%q,"purpose":%q,"handled_by":"agent-%d","summary":%q,"outcome":%q,"sentiment":%q,"effort":%d}`,
		oneOf(chance, directions), oneOf(chance, purposes), chance.IntN(400), words(chance, 10+chance.IntN(16)),
		oneOf(chance, results), oneOf(chance, sentiments), 1+chance.IntN(7))
}

var (
	channels   = []string{"phone", "email", "web_form", "chat", "letter", "branch"}
	severities = []string{"S2", "S3", "S3", "S4"}
	outcomes   = []string{"upheld", "partially_upheld", "not_upheld"}
	contacts   = []string{"call", "email", "chat", "message"}
	directions = []string{"inbound", "outbound"}
	purposes   = []string{"inquiry", "service", "order", "delivery", "billing", "follow_up"}
	results    = []string{"resolved", "answered", "informed", "follow_up_needed"}
	sentiments = []string{"negative", "neutral", "neutral", "positive"}
	vocabulary = strings.Fields(`the customer asked why order was charged twice and when refund will arrive on card delivery
		came late again parcel damaged agent promised to call back before Friday explained fee checked account with branch team sent letter
		confirmed new date offered goodwill payment accepted apology waits for statement from carrier`)
)

func oneOf(chance *rand.Rand, of []string) string { return of[chance.IntN(len(of))] }

// words is a sentence of n words.
func words(chance *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(oneOf(chance, vocabulary))
	}
	b.WriteByte('.')
	return b.String()
}

// histories hands out the events of many customers, each customer's in order.
type histories struct {
	seed uint64
	next map[string]int
}

func newHistories(seed uint64) *histories { return &histories{seed: seed, next: make(map[string]int)} }

func (h *histories) event(customer string) []byte {
	k := h.next[customer]
	h.next[customer] = k + 1
	return event(h.seed, customer, k)
}

// among picks a customer for the i-th event so that customers take turns in no obvious order.
func among(customers, i int) string { return fmt.Sprintf("C-%07d", i*7919%customers) }
