//! The commands, one method of the storage each.

mod commit;
mod constraint;
mod gc;
mod ingest;
mod prewrite;
mod read;
mod resolve;
mod rollback;
mod status;
