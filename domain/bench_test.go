package domain_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"amends/domain"
)

// busy is a long history of one customer: complaints with their handling, calls, promises and surveys, in order.
func busy(n int) []domain.Event {
	events := make([]domain.Event, 0, n)
	for i := 0; len(events) < n; i++ {
		ref := domain.ComplaintRef{ComplaintID: fmt.Sprintf("C-%d", i)}
		promise := fmt.Sprintf("P-%d", i)
		for _, e := range []domain.Event{
			on(i, "complaint.registered", &domain.ComplaintRegistered{ComplaintRef: ref, Severity: "S3"}),
			on(i, "complaint.acknowledged", &domain.ComplaintAcknowledged{ComplaintRef: ref}),
			on(i, "interaction.call", &domain.Interaction{Direction: "inbound", ComplaintID: ref.ComplaintID}),
			on(i, "commitment.made", &domain.CommitmentMade{CommitmentID: promise, ComplaintID: ref.ComplaintID, DueAt: day(i + 3)}),
			on(i, "complaint.assigned", &domain.ComplaintAssigned{ComplaintRef: ref, Owner: "a.kim"}),
			on(i, "complaint.decided", &domain.ComplaintDecided{ComplaintRef: ref, Outcome: "upheld"}),
			on(i, "commitment.kept", &domain.CommitmentKept{CommitmentID: promise}),
			on(i, "complaint.responded", &domain.ComplaintResponded{ComplaintRef: ref, Kind: "final_response"}),
			on(i, "survey.answered", &domain.SurveyAnswered{Metric: "csat", Score: 1 + i%5, ComplaintID: ref.ComplaintID}),
			on(i, "complaint.closed", &domain.ComplaintClosed{ComplaintRef: ref}),
		} {
			if len(events) < n {
				e.ID = fmt.Sprintf("018f-%08d-4000-8000-%012d", i, len(events))
				e.Time = e.Time.Add(time.Duration(len(events)) * time.Second)
				events = append(events, e)
			}
		}
	}
	return tell("c", 0, events...)
}

func BenchmarkFold10000(b *testing.B) {
	history := busy(10_000)
	b.ReportAllocs()
	for b.Loop() {
		domain.Fold("c", history, domain.Limits{})
	}
}

// Apply costs the same at the end of a short and of a long history.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			history := busy(n + 10_000)
			b.ReportAllocs()
			var c *domain.Customer
			i := len(history)
			for b.Loop() {
				if i == len(history) {
					b.StopTimer()
					c, i = domain.Fold("c", history[:n], domain.Limits{}), n
					b.StartTimer()
				}
				if !c.Apply(history[i]) {
					b.Fatal("not in order")
				}
				i++
			}
		})
	}
}

func BenchmarkCheckAndAdd(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			history := busy(n)
			b.ReportAllocs()
			for b.Loop() {
				var refs domain.References
				for _, e := range history {
					if err := refs.Check(e); err != nil {
						b.Fatal(err)
					}
					refs.Add(e)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}

func BenchmarkSteps1000(b *testing.B) {
	history := busy(1000)
	b.ReportAllocs()
	for b.Loop() {
		domain.Steps("c", history, domain.Limits{})
	}
}

func BenchmarkChurn(b *testing.B) {
	w := domain.ExpertWeights()
	for _, n := range []int{20, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := domain.Fold("c", busy(n), domain.Limits{})
			b.ReportAllocs()
			for b.Loop() {
				c.Churn(day(2000), w)
			}
		})
	}
}

// BenchmarkReferencesMemory reports what the references of a customer with ten events hold, beside the ids' own bytes, which
// they share with the events.
func BenchmarkReferencesMemory(b *testing.B) {
	history := busy(10)
	const customers = 10_000
	for b.Loop() {
		kept := make([]domain.References, customers)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range kept {
			for _, e := range history {
				kept[i].Add(e)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/customers, "B/customer")
		runtime.KeepAlive(kept)
	}
}
