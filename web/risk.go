package web

import (
	"net/http"
	"time"

	"amends/access"
	"amends/domain"
)

// Risk is a customer's churn risk at an instant, and why.
type Risk struct {
	Customer       string       `json:"customer"`
	At             time.Time    `json:"at" doc:"The instant for which it is reckoned: as_of, or now"`
	KnownAt        *time.Time   `json:"known_at,omitempty"`
	Form           string       `json:"form" doc:"contractual or non_contractual"`
	Band           string       `json:"band" doc:"low, medium, high or critical; departed or merged: there is no risk, and no points"`
	Points         *int         `json:"points,omitempty" doc:"The drivers' points, added up; 20 points double the odds"`
	LogOdds        *int64       `json:"log_odds_micro,omitempty" doc:"Log-odds in millionths: the form's reference and the drivers'"`
	Probability    *float64     `json:"probability,omitempty" doc:"Of leaving within horizon_days; see is_calibrated"`
	IsCalibrated   bool         `json:"is_calibrated" doc:"The probability was fitted to outcomes; if not, it only serves to compare customers"`
	HorizonDays    int          `json:"horizon_days"`
	TopDriver      string       `json:"top_driver,omitempty"`
	WeightsVersion string       `json:"weights_version"`
	WeightsSHA256  string       `json:"weights_sha256" doc:"Of the weights without insignificant space"`
	Drivers        []RiskDriver `json:"drivers"`
}

// RiskDriver is one reason.
type RiskDriver struct {
	Driver    string     `json:"driver"`
	Label     string     `json:"label"`
	Value     int64      `json:"value"`
	Unit      string     `json:"unit"`
	Bin       string     `json:"bin"`
	Points    int        `json:"points"`
	LogOdds   int64      `json:"log_odds_micro"`
	Evidence  []string   `json:"evidence_event_ids"`
	ChangesAt *time.Time `json:"changes_at,omitempty" doc:"When it changes if nothing more happens; none: not within ten years"`
}

// Which weights a risk may be asked for, besides a version.
const (
	weightsInForce = "in_force"
	weightsLatest  = "latest"
)

func (s *server) riskRoute() *route {
	return &route{
		method: http.MethodGet, path: "/v1/customers/{id}/risk", id: "read-risk", summary: "A customer's churn risk, and why",
		needs: access.ReadViews,
		description: "The risk of leaving as of an instant, from the log, with what the ledger knew then. The weights are those in force " +
			"then, unless others are asked for. Log-odds and points of the drivers add up exactly.",
		query: append([]parameter{{name: "weights", description: "in_force (default), latest, or a version that was published"}},
			limitParameters...),
		responses: []body{{mediaType: typeJSON, of: Risk{}, description: "The risk"}},
		problems:  []int{http.StatusNotFound, http.StatusServiceUnavailable},
		serve:     s.getRisk,
	}
}

func (s *server) getRisk(w http.ResponseWriter, r *http.Request) error {
	limits, err := limitsOf(r)
	if err != nil {
		return err
	}
	if limits.AsOf.IsZero() {
		limits.AsOf = s.cfg.Clock().UTC().Truncate(time.Second)
	}
	records, events, err := s.recordsOf(r, limits)
	if err != nil {
		return err
	}
	customer := domain.Fold(r.PathValue("id"), events, limits)
	if customer.Events == 0 {
		return unknownCustomer(limits, records)
	}
	weights, err := s.weightsOf(r, limits)
	if err != nil {
		return err
	}
	setPosition(w, customer.Position)
	return answerJSON(w, http.StatusOK, riskOf(customer, customer.Churn(limits.AsOf, weights), limits))
}

// weightsOf finds the weights that the request asks for, in the ledger's own records.
func (s *server) weightsOf(r *http.Request, limits domain.Limits) (*domain.Weights, error) {
	records, err := s.cfg.Ledger.History(r.Context(), domain.LedgerStream, domain.Limits{})
	if err != nil {
		return nil, unavailable(err)
	}
	schedule := domain.NewWeightsSchedule(domain.ExpertWeights())
	for i := range records {
		_ = schedule.Add(&records[i].Event) // what is no publication, or cannot be used, is never in force
	}
	switch asked := value(r, "weights"); asked {
	case "", weightsInForce:
		return schedule.InForce(limits), nil
	case weightsLatest:
		return schedule.InForce(domain.Limits{}), nil
	default:
		weights, ok := schedule.Version(asked)
		if !ok {
			return nil, badParameter("weights", "is not in_force, latest, or a version that was published; the view churn_weights lists them")
		}
		return weights, nil
	}
}

// riskOf is the score as the API shows it.
func riskOf(customer *domain.Customer, c domain.Churn, limits domain.Limits) Risk {
	out := Risk{Customer: customer.ID, At: c.At, KnownAt: orNil(limits.KnownAt), Form: c.Form, Band: c.Band, IsCalibrated: c.IsCalibrated,
		HorizonDays: c.HorizonDays, TopDriver: c.TopDriver, WeightsVersion: c.WeightsVersion, WeightsSHA256: c.WeightsSHA256,
		Drivers: []RiskDriver{}}
	if !c.Scored {
		return out
	}
	probability := c.Probability()
	out.Points, out.LogOdds, out.Probability = &c.Points, &c.LogOdds, &probability
	for _, d := range c.Drivers {
		evidence := d.Evidence
		if evidence == nil {
			evidence = []string{}
		}
		out.Drivers = append(out.Drivers, RiskDriver{Driver: d.Code, Label: d.Label, Value: d.Value, Unit: d.Unit, Bin: d.Bin, Points: d.Points,
			LogOdds: d.LogOdds, Evidence: evidence, ChangesAt: orNil(d.ChangesAt)})
	}
	return out
}
