//! The coprocessor: DAG requests over the rows of a snapshot.
