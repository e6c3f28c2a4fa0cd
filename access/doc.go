// Package access says who may do what: callers, their roles, what a role permits, and how a caller proves who they are.
//
// There are three kinds of callers. The local user owns the ledger's files and is its administrator; nobody else is let in
// without credentials. A system has an API key, stored here only as a hash. A person has a token of the company's own
// identity provider (OpenID Connect). Whatever has a permission is checked against the one table in role.go.
//
// The package knows nothing of the ledger: the API asks it, and records what it decided.
package access
