package projections

var churnRisk = definition[*scoreRow]{
	name: "churn_risk",
	description: "Risk that each customer leaves within the horizon, one row each, as of scored_at. " +
		"A customer merged into another has none.",
	key:    []string{"customer_id"},
	scored: true,
	instant: []string{"form", "points", "log_odds_micro", "probability", "band", "is_calibrated", "top_driver", "horizon_days",
		"scored_at"},
	columns: []column[*scoreRow]{
		{"customer_id", Text, "Id of the customer.",
			func(c *cells, r *scoreRow) { c.string(r.customer.ID) }},
		{"tier", Text, "Tier as last assigned.",
			func(c *cells, r *scoreRow) { c.string(r.customer.Tier) }},
		{"form", Text, "How the customer can leave: contractual (by ending a contract) or non_contractual (by not coming back).",
			func(c *cells, r *scoreRow) { c.string(r.churn.Form) }},
		{"points", Integer, "Sum of the drivers' points; 20 points double the odds. NULL for a departed customer.",
			func(c *cells, r *scoreRow) {
				if r.churn.Scored {
					c.integer(int64(r.churn.Points))
				} else {
					c.null()
				}
			}},
		{"log_odds_micro", Integer, "Log-odds of leaving, in millionths: the form's reference and the drivers' log_odds_micro, exactly. " +
			"NULL for a departed customer.",
			func(c *cells, r *scoreRow) {
				if r.churn.Scored {
					c.integer(r.churn.LogOdds)
				} else {
					c.null()
				}
			}},
		{"probability", Float, "Probability of leaving within horizon_days, 0 to 1; see is_calibrated. NULL for a departed customer.",
			func(c *cells, r *scoreRow) {
				if r.churn.Scored {
					c.float(r.churn.Probability())
				} else {
					c.null()
				}
			}},
		{"band", Text, "low, medium, high or critical; departed for a customer who has left.",
			func(c *cells, r *scoreRow) { c.string(r.churn.Band) }},
		{"is_calibrated", Boolean, "probability was fitted to outcomes; if not, it is of use only for comparing customers.",
			func(c *cells, r *scoreRow) { c.bool(r.churn.IsCalibrated) }},
		{"top_driver", Text, "Code of the driver with the most points above 0; NULL: none.",
			func(c *cells, r *scoreRow) { c.string(r.churn.TopDriver) }},
		{"horizon_days", Integer, "Days within which the customer may leave.",
			func(c *cells, r *scoreRow) { c.integer(int64(r.churn.HorizonDays)) }},
		{"weights_version", Text, "Version of the weights.",
			func(c *cells, r *scoreRow) { c.string(r.churn.WeightsVersion) }},
		{"scored_at", Timestamp, "Instant for which the row was computed (UTC, whole seconds).",
			func(c *cells, r *scoreRow) { c.time(r.at) }},
		{"position", Integer, positionDescription,
			func(c *cells, r *scoreRow) { c.integer(int64(r.customer.Position)) }},
	},
	rows: scoreRows,
}

var churnDrivers = definition[*driverRow]{
	name: "churn_drivers",
	description: "Why each customer's risk is what it is: the drivers that add or take points, one row each, as of the " +
		"scored_at in churn_risk. Their points add up to churn_risk.points.",
	key:     []string{"customer_id", "driver"},
	scored:  true,
	instant: []string{"rank", "value", "bin", "points", "log_odds_micro", "evidence_event_ids", "changes_at"},
	columns: []column[*driverRow]{
		{"customer_id", Text, "Id of the customer.",
			func(c *cells, r *driverRow) { c.string(r.customer.ID) }},
		{"driver", Text, "Code of the driver.",
			func(c *cells, r *driverRow) { c.string(r.Code) }},
		{"rank", Integer, "Place among the customer's drivers, from 1: most points first.",
			func(c *cells, r *driverRow) { c.integer(int64(r.rank)) }},
		{"label", Text, "What the driver is, in English.",
			func(c *cells, r *driverRow) { c.string(r.Label) }},
		{"value", Integer, "The driver's value, in unit.",
			func(c *cells, r *driverRow) { c.integer(r.Value) }},
		{"unit", Text, "Unit of value.",
			func(c *cells, r *driverRow) { c.string(r.Unit) }},
		{"bin", Text, "Bin of the weights that the value falls in.",
			func(c *cells, r *driverRow) { c.string(r.Bin) }},
		{"points", Integer, "Points of that bin; below 0 they lower the risk.",
			func(c *cells, r *driverRow) { c.integer(int64(r.Points)) }},
		{"log_odds_micro", Integer, "What those points add to the log-odds, in millionths.",
			func(c *cells, r *driverRow) { c.integer(r.LogOdds) }},
		{"evidence_event_ids", JSON, "Event ids that tell of it, the latest first: a JSON array of texts.",
			func(c *cells, r *driverRow) {
				at := len(c.text)
				c.text = appendJSON(c.text, r.Evidence)
				c.endText(at)
			}},
		{"changes_at", Timestamp, "When the value falls in another bin if nothing more happens (UTC midnight); NULL: not within ten years.",
			func(c *cells, r *driverRow) { c.time(r.ChangesAt) }},
		{"position", Integer, positionDescription,
			func(c *cells, r *driverRow) { c.integer(int64(r.customer.Position)) }},
	},
	rows: func(u *unit, _ uint64, yield func(*driverRow)) {
		if s := u.score(); s != nil {
			for i := range s.drivers {
				yield(&s.drivers[i])
			}
		}
	},
}
