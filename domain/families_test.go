package domain_test

import (
	"testing"
	"time"

	"amends/domain"

	"github.com/google/go-cmp/cmp"
)

func TestFamilies(t *testing.T) {
	registered := facts["registered"]
	promised := func(n int, due int) domain.Event {
		return on(n, "commitment.made", &domain.CommitmentMade{CommitmentID: "P", ComplaintID: "C-1", What: "x", DueAt: day(due), Medium: "phone"})
	}
	kept := func(n int) domain.Event { return on(n, "commitment.kept", &domain.CommitmentKept{CommitmentID: "P"}) }
	broken := func(n int) domain.Event {
		return on(n, "commitment.broken", &domain.CommitmentBroken{CommitmentID: "P"})
	}
	moved := func(n, due int) domain.Event {
		return on(n, "commitment.renegotiated", &domain.CommitmentRenegotiated{CommitmentID: "P", NewDue: day(due)})
	}
	offered := func(n int, m domain.Money) domain.Event {
		return on(n, "redress.offered", &domain.RedressOffered{RedressID: "R", ComplaintID: "C-1", Remedy: "refund", Money: m})
	}
	delivered := func(n int, m domain.Money) domain.Event {
		return by("a.kim", on(n, "redress.delivered", &domain.RedressDelivered{RedressID: "R", Money: m}))
	}
	failed := func(n int) domain.Event { return on(n, "redress.failed", &domain.RedressFailed{RedressID: "R"}) }
	answered := func(n int, survey, metric string, score int) domain.Event {
		return on(n, "survey.answered", &domain.SurveyAnswered{SurveyID: survey, Metric: metric, Score: score})
	}
	promise := func(c *domain.Customer) *domain.Commitment { return c.Commitments[0] }

	tests := []struct {
		name  string
		given []domain.Event
		then  func(c *domain.Customer) (got, want any)
	}{
		{"a promise is open until told otherwise, and overdue after its time", []domain.Event{promised(1, 5)},
			func(c *domain.Customer) (any, any) {
				p := promise(c)
				return []any{p.State, p.Overdue(day(5)), p.Overdue(day(6))}, []any{"open", false, true}
			}},
		{"a promise kept after its time was kept late", []domain.Event{promised(1, 5), kept(6)},
			func(c *domain.Customer) (any, any) {
				p := promise(c)
				return []any{p.State, p.Late(), p.Overdue(day(9))}, []any{"kept", true, false}
			}},
		{"a renegotiated promise has two dates", []domain.Event{promised(1, 5), moved(2, 9), kept(8)},
			func(c *domain.Customer) (any, any) {
				p := promise(c)
				return []any{p.DueAt, p.OriginalDue, p.Renegotiated, p.Late()}, []any{day(9), day(5), 1, false}
			}},
		{"a broken promise that is renegotiated is open again", []domain.Event{promised(1, 5), broken(6), moved(7, 9)},
			func(c *domain.Customer) (any, any) { return promise(c).State, "open" }},
		{"found not to have been kept", []domain.Event{promised(1, 5), kept(4), broken(6)},
			func(c *domain.Customer) (any, any) {
				p := promise(c)
				return []any{p.State, p.KeptAt, p.BrokenAt, p.BrokenBy}, []any{"broken", time.Time{}, day(6), "e-3"}
			}},
		{"a promise kept before it was made, by the times told", []domain.Event{kept(1), promised(2, 5)},
			func(c *domain.Customer) (any, any) {
				p := promise(c)
				return []any{len(c.Commitments), p.State, p.KeptAt, p.DueAt, p.ComplaintID}, []any{1, "kept", day(1), day(5), "C-1"}
			}},
		{"a promise without an id is known by its event", []domain.Event{
			on(1, "commitment.made", &domain.CommitmentMade{What: "x", DueAt: day(2), Medium: "phone"}),
			on(2, "commitment.kept", &domain.CommitmentKept{CommitmentID: "e-1"})},
			func(c *domain.Customer) (any, any) {
				return []any{len(c.Commitments), promise(c).ID, promise(c).State}, []any{1, "e-1", "kept"}
			}},
		{"what is delivered without an amount is what was offered",
			[]domain.Event{registered, offered(1, money(500, "GBP")), delivered(2, domain.Money{})},
			func(c *domain.Customer) (any, any) {
				r := c.Redress[0]
				return []any{r.State, *r.AmountMinor, r.Currency, r.Payer, c.Complaints[0].RedressMinor},
					[]any{"delivered", int64(500), "GBP", "a.kim", map[string]int64{"GBP": 500}}
			}},
		{"what is delivered with an amount is that", []domain.Event{registered, offered(1, money(500, "GBP")), delivered(2, money(300, "GBP"))},
			func(c *domain.Customer) (any, any) {
				return []any{*c.Redress[0].AmountMinor, c.Complaints[0].RedressMinor}, []any{int64(300), map[string]int64{"GBP": 300}}
			}},
		{"a further delivery adds", []domain.Event{registered, offered(1, money(500, "GBP")), delivered(2, money(300, "GBP")), delivered(3, money(200, "GBP"))},
			func(c *domain.Customer) (any, any) {
				return []any{*c.Redress[0].AmountMinor, c.Complaints[0].RedressMinor}, []any{int64(500), map[string]int64{"GBP": 500}}
			}},
		{"a delivery that failed is taken back", []domain.Event{registered, offered(1, money(500, "GBP")), delivered(2, domain.Money{}), failed(3)},
			func(c *domain.Customer) (any, any) {
				return []any{c.Redress[0].State, c.Redress[0].DeliveredAt, c.Complaints[0].RedressMinor},
					[]any{"failed", time.Time{}, map[string]int64{"GBP": 0}}
			}},
		{"a delivery told before its offer counts when the offer comes", []domain.Event{registered, delivered(1, domain.Money{}), offered(2, money(500, "GBP"))},
			func(c *domain.Customer) (any, any) {
				return []any{c.Redress[0].State, c.Complaints[0].RedressMinor}, []any{"delivered", map[string]int64{"GBP": 500}}
			}},
		{"an acceptance after the delivery does not undo it",
			[]domain.Event{offered(1, domain.Money{}), delivered(2, domain.Money{}), on(3, "redress.accepted", &domain.RedressAccepted{RedressID: "R"})},
			func(c *domain.Customer) (any, any) { return c.Redress[0].State, "delivered" }},
		{"without an approver, the actor approved", []domain.Event{offered(1, domain.Money{}), by("m.wu", on(2, "redress.approved", &domain.RedressApproved{RedressID: "R"}))},
			func(c *domain.Customer) (any, any) {
				return []any{c.Redress[0].Approver, c.Redress[0].State}, []any{"m.wu", "approved"}
			}},
		{"an apology is answered", []domain.Event{
			on(1, "apology.offered", &domain.ApologyOffered{Kind: "regret", Level: "agent"}),
			on(2, "apology.declined", &domain.ApologyDeclined{ApologyID: "e-1"})},
			func(c *domain.Customer) (any, any) {
				return []any{c.Apologies[0].Answer, c.Apologies[0].Kind}, []any{"declined", "regret"}
			}},
		{"a follow-up that nobody scheduled", []domain.Event{on(1, "followup.completed", &domain.FollowupCompleted{Reached: true, Satisfied: ptr(false)})},
			func(c *domain.Customer) (any, any) {
				f := c.Followups[0]
				return []any{f.ID, f.Reached, *f.Satisfied, f.Overdue(day(9))}, []any{"e-1", true, false, false}
			}},
		{"a scheduled follow-up is overdue until done", []domain.Event{
			on(1, "followup.scheduled", &domain.FollowupScheduled{FollowupID: "F", DueAt: day(3)})},
			func(c *domain.Customer) (any, any) {
				return []any{c.Followups[0].Overdue(day(3)), c.Followups[0].Overdue(day(4))}, []any{false, true}
			}},
		{"a second answer under one survey stands beside the first", []domain.Event{
			on(1, "survey.sent", &domain.SurveySent{SurveyID: "S"}), answered(2, "S", "csat", 2), answered(3, "S", "nps", 9)},
			func(c *domain.Customer) (any, any) {
				return []any{len(c.Surveys), c.Surveys[0].ID, *c.Surveys[0].Score, c.Surveys[1].ID, *c.Surveys[1].Score, c.Surveys[1].SentAt},
					[]any{2, "S", 2, "e-3", 9, day(1)}
			}},
		{"a broadcast is no contact", []domain.Event{
			on(1, "interaction.call", &domain.Interaction{Direction: "inbound"}),
			on(2, "interaction.broadcast", &domain.Interaction{Direction: "outbound"})},
			func(c *domain.Customer) (any, any) {
				return []any{len(c.Interactions), c.LastContactAt, c.LastContactBy}, []any{2, day(1), "e-1"}
			}},
		{"an outbound contact about a complaint is seen", []domain.Event{registered,
			on(1, "interaction.call", &domain.Interaction{Direction: "outbound", ComplaintID: "C-1"}),
			on(2, "interaction.call", &domain.Interaction{Direction: "inbound", ComplaintID: "C-1"})},
			func(c *domain.Customer) (any, any) { return c.Complaints[0].LastVisibleUpdateAt, day(1) }},
		{"the first manager is no change of manager", []domain.Event{
			on(1, "customer.manager_assigned", &domain.CustomerManagerAssigned{Manager: "m.a"}),
			on(2, "customer.manager_assigned", &domain.CustomerManagerAssigned{Manager: "m.a"})},
			func(c *domain.Customer) (any, any) {
				return []any{c.Manager, c.ManagerChangedAt}, []any{"m.a", time.Time{}}
			}},
		{"a customer who returned has not departed", []domain.Event{
			on(1, "customer.departed", &domain.CustomerDeparted{Reason: "price"}),
			on(2, "customer.returned", &domain.CustomerReturned{})},
			func(c *domain.Customer) (any, any) {
				return []any{c.DepartedAt, c.DepartureReason, c.ReturnedAt}, []any{time.Time{}, "", day(2)}
			}},
		{"what a profile change does not tell stays", []domain.Event{
			on(1, "customer.registered", &domain.CustomerRegistered{Tier: "key", Locale: "en", PreferredChannel: "phone", Since: "2020-01-01"}),
			on(2, "customer.profile_changed", &domain.CustomerProfileChanged{Locale: "zh"})},
			func(c *domain.Customer) (any, any) {
				return []any{c.Tier, c.Locale, c.PreferredChannel, c.Since}, []any{"key", "zh", "phone", "2020-01-01"}
			}},
		{"a hold stands until it is released", []domain.Event{
			on(1, "legal_hold.placed", &domain.LegalHoldPlaced{Reason: "x"}),
			on(5, "legal_hold.released", &domain.LegalHoldReleased{HoldID: "e-1"})},
			func(c *domain.Customer) (any, any) {
				return []any{c.Holds[0].Standing(day(0)), c.Holds[0].Standing(day(4)), c.Holds[0].Standing(day(5))}, []any{false, true, false}
			}},
		{"an erasure is requested, then completed", []domain.Event{
			on(1, "erasure.requested", &domain.ErasureRequested{ErasureID: "X", Classes: []string{"marketing"}, Reason: "x"}),
			on(2, "erasure.completed", &domain.ErasureCompleted{ErasureID: "X", Classes: []string{"marketing", "interaction"}})},
			func(c *domain.Customer) (any, any) {
				x := c.Erasures[0]
				return []any{x.RequestedAt, x.CompletedAt, x.Classes}, []any{day(1), day(2), []string{"marketing", "interaction"}}
			}},
		{"a contract runs and ends", []domain.Event{
			on(1, "contract.started", &domain.ContractStarted{ContractID: "K", Product: "line", EndsOn: "2025-01-01"}),
			on(9, "contract.ended", &domain.ContractEnded{ContractID: "K", Reason: "moved"})},
			func(c *domain.Customer) (any, any) {
				k := c.Contracts[0]
				return []any{k.StartedAt, k.EndedAt, k.EndsOn, k.EndReason}, []any{day(1), day(9), "2025-01-01", "moved"}
			}},
		{"a corrective action is completed", []domain.Event{
			on(1, "prevention.planned", &domain.PreventionPlanned{ActionID: "V", ComplaintIDs: []string{"C-1"}, DueAt: ptr(day(3))}),
			on(2, "prevention.completed", &domain.PreventionCompleted{ActionID: "V", Effective: ptr(true)})},
			func(c *domain.Customer) (any, any) {
				v := c.Preventions[0]
				return []any{v.ComplaintIDs, v.DueAt, v.CompletedAt, *v.Effective}, []any{[]string{"C-1"}, day(3), day(2), true}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := tt.then(fold(tt.given...))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
