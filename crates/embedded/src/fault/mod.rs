//! Faults on request: which requests fail, how and how often.
