package esdb

// OpenAs opens a ledger of its own on a server that others use, too.
var OpenAs = openAs
