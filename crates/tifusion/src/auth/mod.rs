//! What the session's user may do, by TiDB's own grants (`sql.auth.enable`).
//!
//! TiKV knows no users, so what TiDB would refuse is refused here: an [`Authorizer`] reads the user's grants at
//! TiDB's SQL port and reads them again when they are older than `sql.auth.refresh_interval`; the [`Rights`] made of
//! them decide as TiDB's privilege manager does. They are asked where scans and writes are planned, and where names
//! are looked up and listed.
//!
//! Rights that can't be read again are no rights: statements fail until TiDB answers, for a right that was revoked
//! meanwhile can't be told from one that was not.

mod authorizer;
mod denied;
mod discovery;
mod grant;
mod holder;
mod pattern;
mod privilege;
mod rights;

pub(crate) use authorizer::{Authorizer, ViewName};
pub use denied::AccessDenied;
pub(crate) use discovery::pd_addresses;
pub use privilege::Privilege;
pub(crate) use privilege::PrivilegeSet;
pub(crate) use rights::Rights;

#[cfg(test)]
mod tests;
