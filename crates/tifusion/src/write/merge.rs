//! Edits in the order of their keys to one mutation for each key.
//!
//! Rows that change places (a unique value handed from one to another) delete and put the same key: what
//! counts is what is there in the end. Two values for one key are a duplicate within the statement, which
//! a store would not notice: it takes a key once for each transaction, and keeps the first.

use tifusion_client::txn::{Assertion, Mutation, MutationOp};

use super::edit::{Edit, EditKind};

/// Why an edit is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MergeError {
    /// Two values for one key, which is this.
    Duplicate(Vec<u8>),
    /// The edits are not in the order of their keys.
    Unordered,
}

/// Merges the edits of one key.
#[derive(Debug, Default)]
pub(super) struct Merger {
    current: Option<Run>,
    /// The first entry that came twice with a handle in it: so does its row, whose key says more.
    twice: Option<Vec<u8>>,
}

/// What is known of the key that is being looked at.
#[derive(Debug)]
struct Run {
    key: Vec<u8>,
    deletes: bool,
    put: Option<(Vec<u8>, bool)>,
    deleted_rows: u8,
    put_rows: u8,
}

/// A mutation, how many rows it counts for, and how many values more its key has afterwards.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Merged {
    pub(super) mutation: Mutation,
    pub(super) rows: u64,
    pub(super) more: i64,
}

impl Merger {
    /// Takes the next edit; the mutation of the key before it comes back when that is done with.
    pub(super) fn push(&mut self, edit: Edit<'_>) -> Result<Option<Merged>, MergeError> {
        let before = match &self.current {
            Some(run) if run.key == edit.key => None,
            Some(run) if run.key.as_slice() > edit.key => return Err(MergeError::Unordered),
            _ => self.next(),
        };
        let run = self.current.get_or_insert_with(|| Run {
            key: edit.key.to_vec(),
            deletes: false,
            put: None,
            deleted_rows: 0,
            put_rows: 0,
        });
        match edit.kind {
            EditKind::Delete => {
                run.deletes = true;
                // The same row found twice is one row.
                run.deleted_rows = run.deleted_rows.max(edit.rows);
            }
            EditKind::PutDistinct if run.put.is_some() => {
                return Err(MergeError::Duplicate(edit.key.to_vec()));
            }
            EditKind::Put if run.put.is_some() => {
                self.twice.get_or_insert_with(|| edit.key.to_vec());
            }
            EditKind::Put | EditKind::PutDistinct => {
                run.put = Some((edit.value.to_vec(), edit.kind == EditKind::PutDistinct));
                run.put_rows = edit.rows;
            }
        }
        Ok(before)
    }

    /// The mutation of the last key.
    ///
    /// # Errors
    /// [`MergeError::Duplicate`] if a row came twice.
    pub(super) fn finish(&mut self) -> Result<Option<Merged>, MergeError> {
        match self.twice.take() {
            Some(key) => Err(MergeError::Duplicate(key)),
            None => Ok(self.next()),
        }
    }

    /// The mutation of the key that was looked at.
    fn next(&mut self) -> Option<Merged> {
        let run = self.current.take()?;
        let rows = u64::from(run.deleted_rows) + u64::from(run.put_rows);
        let more = i64::from(run.put.is_some()) - i64::from(run.deletes);
        let (op, assertion, value) = match (run.put, run.deletes) {
            (None, _) => (MutationOp::Delete, Assertion::Exist, Vec::new()),
            (Some((value, _)), true) => (MutationOp::Put, Assertion::Exist, value),
            (Some((value, true)), false) => (MutationOp::Insert, Assertion::None, value),
            (Some((value, false)), false) => (MutationOp::Put, Assertion::None, value),
        };
        Some(Merged { mutation: Mutation { op, key: run.key, value, assertion }, rows, more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(edits: &[(&str, EditKind, u8, &str)]) -> Result<Vec<Merged>, MergeError> {
        let mut merger = Merger::default();
        let mut all = Vec::new();
        for (key, kind, rows, value) in edits {
            let edit =
                Edit { key: key.as_bytes(), kind: *kind, rows: *rows, value: value.as_bytes() };
            all.extend(merger.push(edit)?);
        }
        all.extend(merger.finish()?);
        Ok(all)
    }

    fn mutation(op: MutationOp, key: &str, value: &str, assertion: Assertion) -> Mutation {
        Mutation { op, key: key.into(), value: value.into(), assertion }
    }

    #[test]
    fn each_key_gets_what_is_there_in_the_end_and_says_what_was_there() {
        use EditKind::{Delete, Put, PutDistinct};
        let all = merged(&[
            ("a", Delete, 1, ""),
            ("b", Delete, 0, ""),
            ("b", PutDistinct, 1, "new"),
            ("c", Put, 0, "entry"),
            ("d", PutDistinct, 1, "row"),
            ("e", Delete, 1, ""),
            ("e", Delete, 1, ""),
            ("e", Put, 0, "kept"),
        ])
        .unwrap();
        let mutations: Vec<_> = all.iter().map(|merged| merged.mutation.clone()).collect();
        assert_eq!(
            mutations,
            [
                mutation(MutationOp::Delete, "a", "", Assertion::Exist),
                mutation(MutationOp::Put, "b", "new", Assertion::Exist),
                mutation(MutationOp::Put, "c", "entry", Assertion::None),
                mutation(MutationOp::Insert, "d", "row", Assertion::None),
                mutation(MutationOp::Put, "e", "kept", Assertion::Exist),
            ]
        );
        assert_eq!(all.iter().map(|merged| merged.rows).collect::<Vec<_>>(), [1, 1, 0, 1, 1]);
        assert_eq!(all.iter().map(|merged| merged.more).collect::<Vec<_>>(), [-1, 0, 1, 1, 0]);
    }

    #[test]
    fn two_values_for_a_key_are_a_duplicate_whatever_was_there() {
        use EditKind::{Delete, PutDistinct};
        let twice = [("a", PutDistinct, 1, "x"), ("a", PutDistinct, 1, "x")];
        let duplicate = || MergeError::Duplicate(b"a".to_vec());
        assert_eq!(merged(&twice).unwrap_err(), duplicate());
        let over = [("a", Delete, 1, ""), twice[0], twice[1]];
        assert_eq!(merged(&over).unwrap_err(), duplicate());
    }

    #[test]
    fn a_row_that_comes_twice_is_named_before_its_entries() {
        use EditKind::{Put, PutDistinct};
        let entries = [("a", Put, 0, "entry"), ("a", Put, 0, "entry")];
        assert_eq!(merged(&entries).unwrap_err(), MergeError::Duplicate(b"a".to_vec()));
        let row = [("r", PutDistinct, 1, "x"), ("r", PutDistinct, 1, "y")];
        let both = merged(&[entries, row].concat());
        assert_eq!(both.unwrap_err(), MergeError::Duplicate(b"r".to_vec()));
    }

    #[test]
    fn edits_in_another_order_are_not_taken() {
        let edits = [("b", EditKind::Put, 0, "x"), ("a", EditKind::Put, 0, "x")];
        assert_eq!(merged(&edits).unwrap_err(), MergeError::Unordered);
    }
}
