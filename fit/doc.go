// Package fit learns how likely an outcome is from what was known before it, and says how good what it learnt is.
//
// Its model is an additive logistic scorecard: each column of a table is cut into bins, each bin is worth some log-odds, and
// these add up. It is fitted by penalised maximum likelihood, with bins held in order where the direction is known beforehand.
// What comes out is judged on rows that the fit never saw, with intervals, against baselines.
//
// There are two ways in. ReadTable and CrossValidate take any table, so that the fitter can be held against published results.
// Rows and Churn take the histories of a ledger and make churn weights of them (see domain.Weights).
//
// The package is floating-point arithmetic and needs not give the same last digit everywhere: what it makes is rounded to whole
// points, which domain then adds up in integers.
package fit
