//! Writers at the same time: transfers between accounts, and changes of schema while rows are written.
//!
//! `TIFUSION_SEED` says which, `TIFUSION_TRANSFERS` how many transfers each writer makes.

mod bank;
mod ddl;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::Scene;
use super::random::{seed, variable};

/// Whether a run is to be thorough.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

fn random(seed: u64, of: usize) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(1000).wrapping_add(of as u64))
}
