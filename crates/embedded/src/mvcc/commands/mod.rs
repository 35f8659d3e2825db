//! The commands, one method of the storage each.

mod commit;
mod constraint;
mod gc;
mod heartbeat;
mod ingest;
mod inspect;
mod missing_lock;
mod pessimistic;
mod prewrite;
mod read;
mod resolve;
mod rollback;
mod rollback_record;
mod secondary;
mod status;

pub(crate) use ingest::Ingest;
