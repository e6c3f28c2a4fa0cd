package demo

// The invented people and words. Names are common first names with surnames that are words; addresses end in example.com,
// and telephone numbers are from the range that is kept free for fiction.
var (
	firstNames = []string{"Ada", "Amir", "Beatrix", "Bruno", "Carla", "Chen", "Dora", "Emil", "Fatima", "Finn", "Greta", "Hugo",
		"Ines", "Ivan", "Jana", "Karim", "Lena", "Liam", "Mei", "Milo", "Nadia", "Noor", "Oskar", "Paula", "Quentin", "Rosa",
		"Samir", "Tilda", "Umar", "Vera", "Wanda", "Yusuf", "Zoe"}
	lastNames = []string{"Ashdown", "Birchwood", "Copperfield", "Dunmore", "Elderflower", "Fairweather", "Greenbank", "Hollyoak",
		"Ivory", "Juniper", "Kingsmead", "Lindenbaum", "Meadows", "Northgate", "Oakley", "Penhallow", "Quillfeather", "Ravenhill",
		"Silverton", "Thornbury", "Underhill", "Vale", "Whitlock", "Yarrow"}
	companies = []string{"Bakery", "Joinery", "Print Works", "Garage", "Foundry", "Nursery", "Brewery", "Laundry"}
	agents    = []string{"agent-011", "agent-014", "agent-023", "agent-037", "agent-042", "agent-055", "agent-068"}
	leaders   = []string{"lead-03", "lead-07"}
	managers  = []string{"am-01", "am-02", "am-03", "am-04"}
)

// grievance is something that a customer may complain of.
type grievance struct {
	cause, product, category, severity string
	subject                            string
	texts                              []string
}

var grievances = []grievance{
	{"process.billing", "Electricity", "Bill", "S3", "Bill too high", []string{
		"My March bill is twice what it was last year although we were away for two weeks. The reading on it is not what my meter shows.",
		"I have been charged the standing charge twice. I wrote down the reading myself and nobody used it.",
		"The direct debit went up without a letter. I found out from my bank."}},
	{"process.delay", "Gas", "Switching", "S3", "The switch takes for ever", []string{
		"I signed in January and it is now six weeks. Each time I call, somebody else tells me it will be next week.",
		"My old supplier says they released me a month ago. What are you waiting for?"}},
	{"people.attitude", "Service", "Staff", "S4", "Rude on the telephone", []string{
		"I was told that I should learn to read my contract. I have been a customer for eleven years.",
		"The person I spoke to hung up while I was still explaining."}},
	{"technology.outage", "App", "Login", "S4", "Cannot log in", []string{
		"The app has thrown me out for three days. I cannot send my reading and now there is an estimate on my bill.",
		"The code for logging in arrives an hour later, when it is no longer valid."}},
	{"third_party.supplier", "Heat pump", "Installation", "S2", "Installer did not come", []string{
		"We took a day off and waited from eight to five. Nobody came and nobody called. It is November and we have no heating.",
		"The installer left half of the work and the old boiler in the hall. Your line says it is not your company."}},
	{"communication.unclear", "Solar", "Feed-in payment", "S3", "Nobody can explain the payment", []string{
		"I get a different answer about my feed-in payment from everyone I ask. Please put it in writing.",
		"The statement says one amount and my account another, and the letter explains neither."}},
	{"expectation.over_promise", "Electricity", "Tariff", "S3", "Not the price I was promised", []string{
		"At the door I was told the price was fixed for two years. After eight months it rose.",
		"The welcome bonus was the reason why I signed. It is not on the bill, and I am told it never applied to me."}},
	{"product.defect", "Smart meter", "Meter", "S2", "The meter is wrong", []string{
		"The meter counts while the main switch is off. I have a film of it.",
		"Since the new meter was put in the fuse trips every evening."}},
	{"policy.rule", "Electricity", "Moving house", "S3", "Charged after moving out", []string{
		"I told you the date by letter and by telephone, and still I pay for the people who live there now.",
		"I moved because of my mother's illness and you want three months' notice."}},
	{"people.error", "Gas", "Disconnection", "S1", "Cut off by mistake", []string{
		"Our gas was turned off although every bill is paid. There is a baby of four months in the house.",
		"Your engineer cut off our flat instead of the one below. It is two degrees outside."}},
}

var (
	callNotes = []string{"Asked how to send a meter reading; sent the link.", "Wanted to know when the fixed price ends; told the date.",
		"Change of the monthly payment agreed.", "Asked about solar panels; brochure sent.", "Change of bank account noted."}
	goodWords = []string{"Quick, friendly, and it was done the same day.", "They called back when they said they would.",
		"I did not expect an apology and I got one.", "Everything as promised."}
	fairWords = []string{"It was all right in the end.", "Fine, but I had to call twice.", "Neither good nor bad."}
	badWords  = []string{"Nobody feels responsible.", "I had to tell my story four times.", "Promises, and then silence.",
		"I am looking for another supplier.", "They closed it without asking me."}
	promises = []string{"A colleague from billing calls back", "Corrected bill in the post", "Appointment with an engineer",
		"Written answer with the calculation", "Refund on the account"}
	findings = []string{"The reading of the previous tenant was used.", "The order lay in a queue that nobody looks after.",
		"The sales script still has last year's price.", "The supplier had no engineer in the region.",
		"The customer is right: the letter was never sent.", "The calculation is right; the letter that explains it is not clear."}
)
