package domaintest

// Codes of the closed lists, some of each.
var (
	tiers      = []string{"key", "major", "regular", "small"}
	channels   = []string{"phone", "email", "web_form", "chat", "letter", "branch", "regulator_portal"}
	severities = []string{"S1", "S2", "S3", "S4"}
	causes     = []string{"people.error", "process.delay", "product.defect", "communication.unclear", "unknown"}
	remedies   = []string{"apology", "refund", "replacement", "goodwill", "compensation_financial_loss"}
	outcomes   = []string{"upheld", "partially_upheld", "not_upheld", "resolved_without_finding"}
	responses  = []string{"final_response", "holding_response", "in_progress", "explanation", "monetary_relief", "no_relief"}
	rulings    = []string{"agreed", "changed_by_ombudsman", "award", "dismissed"}
	sentiments = []string{"", "very_negative", "negative", "neutral", "positive", "very_positive"}
	purposes   = []string{"inquiry", "care", "complaint", "service", "follow_up"}
	awaiting   = []string{"", "customer", "third_party", "internal"}
	relations  = []string{"duplicate_of", "follow_up_of", "same_cause", "related"}
	kinds      = []string{"call", "email", "chat", "message", "letter", "visit", "meeting", "social", "web", "event", "broadcast"}
	departures = []string{"quality_instability", "competitor_lure", "broken_integrity", "weak_service", "price", "unknown"}
	classes    = []string{"complaint_record", "interaction", "marketing"}
)
