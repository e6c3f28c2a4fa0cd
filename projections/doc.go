// Package projections makes the read models: tables that analysts query with the tools they have, made from the log alone.
//
// A projector follows the log. It decodes records, groups them by customer, folds each customer with package domain, and writes
// the rows that changed together with its cursor in one transaction. So a crash leaves neither a gap nor a double, and the views
// can be thrown away and made anew at any time: a rebuild gives the same rows, byte for byte (see Views.Check).
//
// Each view is one file of this package, view_<name>.go, which says what the columns are and how a row is made from the folded
// state. The table, its indexes, the statements and the data dictionary derive from that, and no rule of the domain is repeated
// in SQL. There are no migrations: a view that changes changes the version of the file, and the file is built anew beside the
// old one.
//
// What an event goes through:
//
//	feed       reads ahead and decodes                      (a goroutine)
//	projector  caches, folds, and puts rows into chunks     (the goroutine of Run or Rebuild)
//	pipe       carries chunks to the writer, which fills the file (a goroutine)
//
// Customers who were merged are folded together, and their rows written together, under the customer who survives (units).
// A record that cannot be decoded or folded is parked, and its customer's row says so; the others go on.
//
// No personal field is in any view.
package projections
