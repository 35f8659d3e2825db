//! Where keys live: regions, their peers and stores, and a bounded cache of them.

mod cache;
mod cover;
mod flight;
mod index;
mod store;
mod store_cache;
mod types;

pub use cache::RegionCache;
pub use store::{Store, StoreState};
pub use types::{Buckets, Region, RegionVerId};

#[cfg(test)]
mod model;
