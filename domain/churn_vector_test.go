package domain_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"amends/domain"
)

// drawn is a history that the seed decides on, without any dependency: it must be the same for ever.
func drawn(seed uint64) []domain.Event {
	rng := rand.New(rand.NewPCG(seed, 0xC0DE))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	events := []domain.Event{on(rng.IntN(30), "customer.registered", &domain.CustomerRegistered{
		Tier: pick("key", "major", "regular", "small", ""), Since: pick("", "2019-05-04", "2023-02-28")})}
	if rng.IntN(2) == 0 {
		events = append(events, on(rng.IntN(40), "contract.started", &domain.ContractStarted{ContractID: "K", EndsOn: pick("", "2024-07-31", "2027-02-28")}))
		if rng.IntN(4) == 0 {
			events = append(events, on(200+rng.IntN(200), "contract.ended", &domain.ContractEnded{ContractID: "K"}))
		}
	}
	for i := range 3 + rng.IntN(25) {
		n := rng.IntN(500)
		ref := domain.ComplaintRef{ComplaintID: fmt.Sprintf("C-%d", rng.IntN(3))}
		id := fmt.Sprintf("X-%d", rng.IntN(4))
		switch rng.IntN(13) {
		case 0:
			events = append(events, on(n, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: ref, Severity: pick("S1", "S2", "S3", "S4", "")}))
		case 1:
			events = append(events, on(n, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: ref, Satisfied: ptr(rng.IntN(2) == 0)}))
		case 2:
			events = append(events, on(n, "complaint.reopened", &domain.ComplaintReopened{ComplaintRef: ref}))
		case 3:
			events = append(events, on(n, "commitment.made", &domain.CommitmentMade{CommitmentID: id, What: "x", DueAt: day(n + rng.IntN(60)), Medium: "phone"}))
		case 4:
			events = append(events, on(n, "commitment.broken", &domain.CommitmentBroken{CommitmentID: id}))
		case 5:
			events = append(events, on(n, "redress.failed", &domain.RedressFailed{RedressID: id}))
		case 6:
			events = append(events, on(n, "survey.answered", &domain.SurveyAnswered{Metric: pick("csat", "nps", "ces"), Score: 1 + rng.IntN(5), ComplaintID: "C-1"}))
		case 7:
			events = append(events, on(n, "followup.scheduled", &domain.FollowupScheduled{FollowupID: id, DueAt: day(n + rng.IntN(30))}))
		case 8:
			events = append(events, on(n, "followup.completed", &domain.FollowupCompleted{FollowupID: id, Reached: rng.IntN(2) == 0}))
		case 9:
			events = append(events, on(n, "customer.manager_assigned", &domain.CustomerManagerAssigned{Manager: fmt.Sprintf("m.%d", i)}))
		case 10, 11:
			events = append(events, on(n, "interaction.call", &domain.Interaction{Direction: "inbound", Outcome: pick("answered", "no_answer"),
				Sentiment: pick("very_negative", "negative", "neutral", "positive"), RepeatInfoRequested: ptr(rng.IntN(3) == 0)}))
		default:
			events = append(events, on(n, "purchase.recorded", &domain.PurchaseRecorded{}))
		}
	}
	return events
}

// 1,000 scores, to the last digit, with all that is said of them. The hash is the same on amd64 (with and without FMA), arm64 and
// any other processor, because no float takes part; it changes with the rules (FeatureVersion) or the expert weights, and then
// is renewed by hand.
func TestChurnVectorOfManyScores(t *testing.T) {
	hash := sha256.New()
	for seed := range uint64(250) {
		c := fold(drawn(seed)...)
		for _, n := range []int{501, 530, 700, 1500} {
			s := c.Churn(day(n), domain.ExpertWeights())
			fmt.Fprintln(hash, seed, n, s.Scored, s.Form, s.Points, s.LogOdds, s.ProbabilityPPM, s.Band, s.TopDriver)
			for _, d := range s.Drivers {
				fmt.Fprintln(hash, d.Code, d.Value, d.Bin, d.Points, d.LogOdds, d.Evidence, d.ChangesAt.Format(time.RFC3339))
			}
		}
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != manyScores {
		t.Errorf("the hash of the scores is %s, want %s", got, manyScores)
	}
}

const manyScores = "b6a8eb0e63c91cda0a5fba63469506f1e90601521812ed96eef7d62b1622b6ce"
