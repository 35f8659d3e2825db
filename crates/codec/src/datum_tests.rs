//! Tests of datums.
