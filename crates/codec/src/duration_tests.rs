//! Tests of TIME values.
