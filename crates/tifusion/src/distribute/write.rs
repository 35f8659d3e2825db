//! Writes as messages.

use tifusion_client::txn::{Assertion, Mutation, MutationOp};
use tifusion_proto::planpb;
use tifusion_proto::planpb::write::Kind;

use super::{malformed_part, size, wide};
use crate::error::{Error, Result};
use crate::write::{SentKind, SentWrite};

/// The message of a write.
pub(super) fn to_message(sent: &SentWrite) -> planpb::Write {
    let places = |columns: &Vec<usize>| columns.iter().copied().map(wide).collect();
    planpb::Write {
        database_id: sent.database_id,
        database: sent.database.clone(),
        table: sent.table.to_vec(),
        kind: Some(match &sent.kind {
            SentKind::Insert { columns } => {
                Kind::Insert(planpb::Insert { columns: places(columns) })
            }
            SentKind::Delete => Kind::Delete(planpb::Delete {}),
            SentKind::Update { columns } => {
                Kind::Update(planpb::Update { columns: places(columns) })
            }
        }),
        update_statistics: sent.update_statistics,
        new_collation: sent.new_collation,
        system_zone: sent.system_zone.clone(),
        time_zone: sent.time_zone.clone(),
        allows_random: sent.allows_random,
    }
}

/// The write of a message.
///
/// # Errors
/// When it is missing, or makes no sense.
pub(super) fn of_message(message: Option<planpb::Write>) -> Result<SentWrite> {
    let message = message.ok_or_else(|| malformed_part("write"))?;
    let places = |columns: Vec<u64>| columns.into_iter().map(size).collect::<Result<Vec<_>>>();
    let kind = match message.kind.ok_or_else(|| malformed_part("kind of a write"))? {
        Kind::Insert(planpb::Insert { columns }) => SentKind::Insert { columns: places(columns)? },
        Kind::Delete(planpb::Delete {}) => SentKind::Delete,
        Kind::Update(planpb::Update { columns }) => SentKind::Update { columns: places(columns)? },
    };
    Ok(SentWrite {
        database_id: message.database_id,
        database: message.database,
        table: message.table.into(),
        kind,
        update_statistics: message.update_statistics,
        new_collation: message.new_collation,
        system_zone: message.system_zone,
        time_zone: message.time_zone,
        allows_random: message.allows_random,
    })
}

/// The message of a mutation.
///
/// # Errors
/// For one that no write makes.
pub(super) fn mutation_to_message(mutation: &Mutation) -> Result<planpb::Mutation> {
    let op = match mutation.op {
        MutationOp::Put => planpb::MutationOp::Put,
        MutationOp::Insert => planpb::MutationOp::Insert,
        MutationOp::Delete => planpb::MutationOp::Delete,
        MutationOp::CheckNotExists | MutationOp::Lock => {
            return Err(Error::unsupported("a transaction that begins with a key as it is"));
        }
    };
    let assertion = match mutation.assertion {
        Assertion::None => planpb::Assertion::None,
        Assertion::Exist => planpb::Assertion::Exist,
        Assertion::NotExist => planpb::Assertion::NotExist,
    };
    Ok(planpb::Mutation {
        op: op.into(),
        key: mutation.key.clone(),
        value: mutation.value.clone(),
        assertion: assertion.into(),
    })
}

/// The mutation of a message.
///
/// # Errors
/// When it is missing, or makes no sense.
pub(super) fn mutation_of_message(message: Option<planpb::Mutation>) -> Result<Mutation> {
    let message = message.ok_or_else(|| malformed_part("mutation"))?;
    let op = match planpb::MutationOp::try_from(message.op) {
        Ok(planpb::MutationOp::Put) => MutationOp::Put,
        Ok(planpb::MutationOp::Insert) => MutationOp::Insert,
        Ok(planpb::MutationOp::Delete) => MutationOp::Delete,
        Ok(planpb::MutationOp::Unknown) | Err(_) => {
            return Err(malformed_part("kind of a mutation"));
        }
    };
    let assertion = match planpb::Assertion::try_from(message.assertion) {
        Ok(planpb::Assertion::None) => Assertion::None,
        Ok(planpb::Assertion::Exist) => Assertion::Exist,
        Ok(planpb::Assertion::NotExist) => Assertion::NotExist,
        Err(_) => return Err(malformed_part("assertion of a mutation")),
    };
    if message.key.is_empty() {
        return Err(malformed_part("key of a mutation"));
    }
    Ok(Mutation { op, key: message.key, value: message.value, assertion })
}
