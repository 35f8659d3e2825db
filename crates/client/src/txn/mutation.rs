//! What a transaction does to a key.

use tifusion_proto::kvrpcpb;

/// A change of one key. A transaction may hold a key only once: of two prewrites of one key a store keeps
/// the first and says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// What is done.
    pub op: MutationOp,
    /// The raw key.
    pub key: Vec<u8>,
    /// The value of a [`MutationOp::Put`] or [`MutationOp::Insert`], else empty.
    pub value: Vec<u8>,
    /// What is known about the key; when it is not so the prewrite fails, for then the caller is wrong
    /// about the data.
    pub assertion: Assertion,
}

/// What is done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MutationOp {
    /// Writes the value, whether or not the key exists.
    Put,
    /// Writes the value of a key that must not exist as of the transaction's start; else the prewrite
    /// fails with [`TxnError::AlreadyExists`](super::TxnError::AlreadyExists).
    Insert,
    /// Removes the key, if it exists.
    Delete,
    /// Fails as [`MutationOp::Insert`] does when the key exists, and writes nothing. The key is not locked:
    /// what comes after the prewrite is not seen.
    CheckNotExists,
    /// Writes nothing, but conflicts as a write does.
    Lock,
}

/// What a caller knows about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Assertion {
    /// Nothing.
    #[default]
    None,
    /// It exists.
    Exist,
    /// It does not exist.
    NotExist,
}

impl Mutation {
    /// Writes `value`.
    #[must_use]
    pub fn put(key: Vec<u8>, value: Vec<u8>) -> Self {
        Self { op: MutationOp::Put, key, value, assertion: Assertion::None }
    }

    /// Writes `value` of a key that must not exist.
    #[must_use]
    pub fn insert(key: Vec<u8>, value: Vec<u8>) -> Self {
        Self { op: MutationOp::Insert, key, value, assertion: Assertion::None }
    }

    /// Removes the key.
    #[must_use]
    pub fn delete(key: Vec<u8>) -> Self {
        Self { op: MutationOp::Delete, key, value: Vec::new(), assertion: Assertion::None }
    }

    /// With this assertion.
    #[must_use]
    pub fn asserting(mut self, assertion: Assertion) -> Self {
        self.assertion = assertion;
        self
    }

    /// Bytes of key and value.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.len() + self.value.len()
    }

    pub(super) fn to_proto(&self) -> kvrpcpb::Mutation {
        let op = match self.op {
            MutationOp::Put => kvrpcpb::Op::Put,
            MutationOp::Insert => kvrpcpb::Op::Insert,
            MutationOp::Delete => kvrpcpb::Op::Del,
            MutationOp::CheckNotExists => kvrpcpb::Op::CheckNotExists,
            MutationOp::Lock => kvrpcpb::Op::Lock,
        };
        let assertion = match self.assertion {
            Assertion::None => kvrpcpb::Assertion::None,
            Assertion::Exist => kvrpcpb::Assertion::Exist,
            Assertion::NotExist => kvrpcpb::Assertion::NotExist,
        };
        kvrpcpb::Mutation {
            op: op.into(),
            key: self.key.clone(),
            value: self.value.clone(),
            assertion: assertion.into(),
        }
    }
}

impl MutationOp {
    /// Whether the prewrite leaves a lock, which has to be committed or rolled back.
    #[must_use]
    pub fn locks(self) -> bool {
        self != Self::CheckNotExists
    }
}
