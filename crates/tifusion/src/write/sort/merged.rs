//! Sorted runs as one.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::run::{OwnedEdit, Run, RunReader};
use crate::error::Result;
use crate::write::edit::Edit;

/// The edits of several runs in the order of their keys.
#[derive(Debug)]
pub(super) struct MergedRuns {
    readers: Vec<RunReader>,
    /// The next edit of each run that has one.
    heads: BinaryHeap<Reverse<Head>>,
    /// The one that was given last.
    given: Option<Head>,
}

#[derive(Debug)]
struct Head {
    edit: OwnedEdit,
    run: usize,
}

impl MergedRuns {
    pub(super) async fn open(runs: Vec<Run>) -> Result<Self> {
        let readers = runs.into_iter().map(RunReader::open).collect::<Result<Vec<_>>>()?;
        let mut merged = Self { readers, heads: BinaryHeap::new(), given: None };
        for run in 0..merged.readers.len() {
            merged.advance(Head { edit: OwnedEdit::default(), run }).await?;
        }
        Ok(merged)
    }

    /// The next edit.
    pub(super) async fn next(&mut self) -> Result<Option<Edit<'_>>> {
        if let Some(given) = self.given.take() {
            self.advance(given).await?;
        }
        self.given = self.heads.pop().map(|Reverse(head)| head);
        Ok(self.given.as_ref().and_then(|head| head.edit.edit()))
    }

    /// Reads the next edit of a run, if there is one, in the place of that before.
    async fn advance(&mut self, mut head: Head) -> Result<()> {
        if let Some(reader) = self.readers.get_mut(head.run)
            && reader.next(&mut head.edit).await?
        {
            self.heads.push(Reverse(head));
        }
        Ok(())
    }
}

impl Head {
    fn order(&self) -> Option<(&[u8], u8)> {
        self.edit.edit().map(|edit| (edit.key, edit.kind as u8))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}
