//! Tests of decimals.
