package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"amends/domain"
)

// life is one customer's story. mood, from -1 to 1, is what everything that happens to the customer adds to, and what
// surveys and departures follow from.
type life struct {
	*stream
	w    *world
	rng  *rand.Rand
	n    int
	tier string
	name string

	mood       float64
	complaints int
	lastAt     time.Time // of the complaint that was told last
	ends       time.Time // of the last complaint's handling
	contract   string
	product    string
	manager    string
	gone       bool
	neglected  bool // nobody calls this customer
	lastVisit  time.Time
}

func newLife(w *world, rng *rand.Rand, n int) *life {
	l := &life{stream: &stream{customer: fmt.Sprintf("lk-%04d", n+1)}, w: w, rng: rng, n: n, mood: 0.25}
	switch x := rng.Float64(); {
	case x < 0.05:
		l.tier = "key"
	case x < 0.18:
		l.tier = "major"
	case x < 0.75:
		l.tier = "regular"
	default:
		l.tier = "small"
	}
	l.neglected = rng.Float64() < 0.3
	return l
}

// live tells the story month by month.
func (l *life) live() {
	span := l.w.cfg.To.Sub(l.w.cfg.From)
	start := l.w.cfg.From
	if l.n%3 != 0 { // the others were customers already
		start = start.Add(time.Duration(l.rng.Float64() * 0.7 * float64(span)))
	}
	start = l.office(start)
	l.register(start)
	for at := start.AddDate(0, 0, 7); at.Before(l.w.cfg.To); at = at.AddDate(0, 1, 0) {
		if l.gone {
			l.comeBack(at)
			continue
		}
		l.month(at)
	}
}

func (l *life) register(at time.Time) {
	first, last := pick(l.rng, firstNames), pick(l.rng, lastNames)
	l.name = first + " " + last
	if l.tier == "key" || l.tier == "major" {
		l.name = last + " " + pick(l.rng, companies)
	}
	mail := strings.ToLower(strings.ReplaceAll(l.name, " ", ".")) + fmt.Sprintf(".%d@example.com", l.n+1)
	reg := domain.CustomerRegistered{
		Identities:       []domain.Identity{{Kind: "email", Value: mail}},
		Name:             l.name,
		Tier:             l.tier,
		Locale:           pick(l.rng, []string{"en-GB", "en-GB", "en-IE", "de-DE", "zh-CN"}),
		PreferredChannel: pick(l.rng, []string{"phone", "email", "email", "app", "letter"}),
	}
	if l.n%3 == 0 {
		reg.Since = at.AddDate(-1-l.rng.IntN(9), 0, 0).Format(time.DateOnly)
	}
	l.add(at, "customer.registered", reg, facts{})
	if l.rng.Float64() < 0.5 {
		l.add(at.Add(2*time.Minute), "customer.identity_linked",
			domain.CustomerIdentityLinked{Identity: domain.Identity{Kind: "phone", Value: fmt.Sprintf("+44 1632 960%03d", l.n%1000)}}, facts{})
	}
	if l.tier == "key" || l.tier == "major" {
		l.manager = pick(l.rng, managers)
		l.add(at.Add(time.Hour), "customer.manager_assigned", domain.CustomerManagerAssigned{Manager: l.manager}, facts{actor: leaders[0]})
		l.add(at.Add(2*time.Hour), "customer.relationship_set",
			domain.CustomerRelationshipSet{Level: pick(l.rng, []string{"accountable", "proactive", "partnership"})}, facts{actor: l.manager})
	}
	l.startContract(at.Add(30 * time.Minute))
}

func (l *life) startContract(at time.Time) {
	l.product = pick(l.rng, []string{"Electricity", "Electricity", "Gas", "Solar", "Heat pump"})
	amount := int64(4000 + l.rng.IntN(9000))
	if l.tier == "key" {
		amount *= 40
	}
	l.contract = fmt.Sprintf("v-%04d-%d", l.n+1, l.last+1)
	l.add(at, "contract.started", domain.ContractStarted{ContractID: l.contract, Product: l.product,
		EndsOn: at.AddDate(2, 0, 0).Format(time.DateOnly), Money: domain.Money{AmountMinor: &amount, Currency: "GBP"}}, facts{})
}

// month is what happens to a customer in one month.
func (l *life) month(at time.Time) {
	l.mood *= 0.93 // what was felt fades
	if l.chance(0.16) {
		l.purchase(l.in(at))
	}
	l.contacts(at)
	l.complain(at)
	if l.chance(0.12) {
		l.survey(l.in(at).AddDate(0, 0, 2), pick(l.rng, []string{"nps", "nps", "csat", "acsi"}), "", 0.75)
	}
	l.paperwork(at)
	l.maybeLeave(at)
}

func (l *life) purchase(at time.Time) {
	amount := int64(1500 + l.rng.IntN(60000))
	l.add(at, "purchase.recorded", domain.PurchaseRecorded{
		PurchaseID: fmt.Sprintf("p-%04d-%d", l.n+1, l.last+1), Product: pick(l.rng, []string{"Wall box", "Thermostat", "Boiler service", "LED set"}),
		Channel: pick(l.rng, []string{"web", "app", "branch", "phone"}), Money: domain.Money{AmountMinor: &amount, Currency: "GBP"},
	}, facts{})
}

// contacts are the touches that have nothing to do with a complaint.
func (l *life) contacts(at time.Time) {
	if l.chance(0.18) {
		kind := pick(l.rng, []string{"call", "call", "email", "chat", "message", "web", "social", "letter"})
		again := l.chance(0.15)
		effort := l.score(1, 7, 4.5, 2)
		d := domain.Interaction{Direction: "inbound", Purpose: pick(l.rng, []string{"inquiry", "billing", "order", "technical_support"}),
			HandledBy: pick(l.rng, agents), Summary: pick(l.rng, callNotes), Outcome: pick(l.rng, []string{"answered", "resolved", "informed"}),
			Sentiment: l.sentiment(), Effort: &effort, RepeatInfoRequested: &again}
		if kind == "call" || kind == "chat" {
			d.DurationSeconds = ptr(int64(60 + l.rng.IntN(900)))
		}
		if again {
			l.mood -= 0.05
		}
		l.add(l.in(at), domain.Type("interaction."+kind), d, facts{actor: d.HandledBy})
	}
	often := map[string]float64{"key": 0.8, "major": 0.4, "regular": 0.14, "small": 0.06}[l.tier]
	if l.neglected {
		often /= 6
		l.mood -= 0.01
	}
	if l.chance(often) {
		who := l.manager
		if who == "" {
			who = pick(l.rng, agents)
		}
		when := l.in(at)
		d := domain.Interaction{Direction: "outbound", Purpose: "care", HandledBy: who, Outcome: "informed", Sentiment: l.sentiment(),
			Summary: "Asked how things are; nothing needed.", DurationSeconds: ptr(int64(120 + l.rng.IntN(600)))}
		l.add(when, "interaction.call", d, facts{actor: who})
		l.mood += 0.04
		if l.manager != "" && when.Sub(l.lastVisit) > 90*24*time.Hour && l.chance(0.6) {
			l.lastVisit = when
			kind := pick(l.rng, []string{"visit", "visit", "meeting"})
			l.add(when.AddDate(0, 0, 5), domain.Type("interaction."+kind), domain.Interaction{Direction: "outbound", Purpose: "care",
				HandledBy: l.manager, Summary: "Went through the year's consumption together.", Outcome: "agreed", Sentiment: l.sentiment()},
				facts{actor: l.manager})
			l.mood += 0.06
		}
	}
	if at.Month() == time.November && l.chance(0.7) {
		l.add(l.in(at), "interaction.broadcast", domain.Interaction{Direction: "outbound", Purpose: "announcement",
			Summary: "Winter newsletter."}, facts{})
	}
	if at.Month() == time.May && (l.tier == "key" || l.tier == "major") {
		l.add(l.in(at), "interaction.event", domain.Interaction{Direction: "outbound", Purpose: "greeting", HandledBy: l.manager,
			Summary: "Came to the open day."}, facts{})
		l.mood += 0.03
	}
}

// paperwork is what changes in the customer's file.
func (l *life) paperwork(at time.Time) {
	if l.chance(0.02) {
		l.add(l.in(at), "customer.profile_changed", domain.CustomerProfileChanged{
			PreferredChannel: pick(l.rng, []string{"phone", "email", "app"}), PreferredHours: pick(l.rng, []string{"17:00-20:00", "08:00-10:00"})}, facts{})
	}
	if l.chance(0.012) {
		tiers := []string{"small", "regular", "major", "key"}
		for i, t := range tiers {
			if t == l.tier {
				l.tier = tiers[min(i+1, 3)]
				break
			}
		}
		l.add(l.in(at), "customer.tier_assigned", domain.CustomerTierAssigned{Tier: l.tier, Reason: "Consumption of the last year"}, facts{actor: leaders[1]})
	}
	if l.manager != "" && l.chance(0.03) {
		l.manager = pick(l.rng, managers)
		l.add(l.in(at), "customer.manager_assigned",
			domain.CustomerManagerAssigned{Manager: l.manager, Reason: "The former manager has left the company"}, facts{actor: leaders[0]})
		l.mood -= 0.08
	}
}

// maybeLeave: the worse the customer was treated, the likelier; without cause it is rare.
func (l *life) maybeLeave(at time.Time) {
	hazard := 0.004 + 0.11/(1+math.Exp(6*(l.mood+0.45)))
	if l.neglected {
		hazard *= 1.4
	}
	if !l.chance(hazard) {
		return
	}
	when := at.AddDate(0, 0, 24)
	if when.Before(l.ends) && l.chance(0.5) {
		when = l.ends.Add(48 * time.Hour)
	}
	reason := pick(l.rng, []string{"moved", "price", "competitor_lure"})
	switch {
	case l.mood < -0.25 && l.complaints > 0:
		reason = pick(l.rng, []string{"weak_service", "broken_integrity", "broken_integrity"})
	case l.neglected && l.mood < 0.1:
		reason = "neglected_details"
	}
	l.add(when, "contract.ended", domain.ContractEnded{ContractID: l.contract, Reason: "Notice by the customer"}, facts{})
	l.add(when.Add(time.Minute), "customer.departed", domain.CustomerDeparted{Reason: reason}, facts{})
	l.gone = true
}

// comeBack: some who left return, once.
func (l *life) comeBack(at time.Time) {
	if !l.chance(0.035) {
		return
	}
	when := l.in(at).AddDate(0, 1, 0)
	l.add(when, "customer.returned", domain.CustomerReturned{Reason: "Answered our offer"}, facts{})
	l.startContract(when.Add(time.Hour))
	l.gone, l.mood = false, 0.1
}

// survey asks, and the customer answers as the mood is, or does not.
func (l *life) survey(at time.Time, metric, complaint string, answers float64) {
	id := fmt.Sprintf("s-%04d-%d", l.n+1, l.last+1)
	channel := pick(l.rng, []string{"email", "app", "phone"})
	l.add(at, "survey.sent", domain.SurveySent{SurveyID: id, Metric: metric, Channel: channel, ComplaintID: complaint}, facts{})
	if !l.chance(answers) {
		return
	}
	d := domain.SurveyAnswered{SurveyID: id, Metric: metric, Channel: channel, ComplaintID: complaint}
	switch metric {
	case "csat":
		d.Score = l.score(1, 5, 3.3, 2.2)
	case "nps":
		d.Score = l.score(0, 10, 6.3, 5)
	case "ces":
		d.Score = l.score(1, 7, 4.3, 3)
	case "acsi":
		d.Score = l.score(1, 10, 6, 4.5)
	}
	if l.chance(0.5) {
		switch {
		case l.mood > 0.2:
			d.Verbatim = pick(l.rng, goodWords)
		case l.mood < -0.2:
			d.Verbatim = pick(l.rng, badWords)
		default:
			d.Verbatim = pick(l.rng, fairWords)
		}
	}
	l.add(at.Add(time.Duration(1+l.rng.IntN(70))*time.Hour), "survey.answered", d, facts{})
}

// score is a number between low and high that follows the mood.
func (l *life) score(low, high int, middle, swing float64) int {
	x := middle + swing*l.mood + l.rng.NormFloat64()*swing/4
	return min(max(int(math.Round(x)), low), high)
}

func (l *life) sentiment() string {
	words := []string{"very_negative", "negative", "neutral", "positive", "very_positive"}
	return words[l.score(0, 4, 2.2, 1.8)]
}

func (l *life) chance(p float64) bool { return l.rng.Float64() < p }

// in is a moment of office hours in the month that begins at at.
func (l *life) in(at time.Time) time.Time { return l.office(at.AddDate(0, 0, l.rng.IntN(21))) }

// office moves a moment into the next office hours, Monday to Friday.
func (l *life) office(at time.Time) time.Time {
	y, m, d := at.Date()
	at = time.Date(y, m, d, 8, 0, 0, 0, time.UTC).Add(time.Duration(l.rng.IntN(9*3600)) * time.Second)
	for at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// later is a moment of office hours between the given numbers of days after at, and always after at.
func (l *life) later(at time.Time, from, to int) time.Time {
	next := l.office(at.AddDate(0, 0, from+l.rng.IntN(to-from+1)))
	if !next.After(at) {
		next = at.Add(time.Duration(20+l.rng.IntN(90)) * time.Minute)
	}
	return next
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
