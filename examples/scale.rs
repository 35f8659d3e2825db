//! What a statement over 1 TB to 1 PB asks of each process: a simulation, with the region cache that scheduler and
//! executors really use, over a PD that makes its regions up.
//!
//! ```text
//! cargo run --release -p tifusion-client --example scale -- [region MiB] [executors] [most TB]
//! ```
//!
//! docs/scale.md says what follows from it.

#![expect(clippy::print_stdout, reason = "a program that tells what it finds")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tifusion_client::backoff::Backoffer;
use tifusion_client::clock::TokioClock;
use tifusion_client::pd::{PdApi, RegionInfo};
use tifusion_client::region::RegionCache;
use tifusion_client::{ClientOptions, Result, Timestamp};
use tifusion_proto::metapb;

/// A key of a row: `t`, the table, `_r`, the handle. Region `n` begins at `n` million rows.
fn key(region: u64) -> Vec<u8> {
    let handle = region.wrapping_mul(1_000_000) ^ (1 << 63);
    [b"t\x80\0\0\0\0\0\0\x2a_r".as_slice(), &handle.to_be_bytes()].concat()
}

fn region_at(key: &[u8]) -> u64 {
    let handle = key.get(11..19).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    handle.map_or(0, |bytes| (u64::from_be_bytes(bytes) ^ (1 << 63)) / 1_000_000)
}

/// A PD of a table with so many regions on so many stores.
#[derive(Debug)]
struct MadeUp {
    regions: u64,
    stores: u64,
    pages: AtomicU64,
}

impl MadeUp {
    fn region(&self, number: u64) -> RegionInfo {
        let peer = |replica: u64| metapb::Peer {
            id: number * 4 + replica,
            store_id: (number + replica) % self.stores + 1,
            ..metapb::Peer::default()
        };
        let is_last = number + 1 >= self.regions;
        RegionInfo {
            region: metapb::Region {
                id: number + 1,
                start_key: if number == 0 { Vec::new() } else { key(number) },
                end_key: if is_last { Vec::new() } else { key(number + 1) },
                region_epoch: Some(metapb::RegionEpoch { conf_ver: 5, version: number + 1 }),
                peers: (0..3).map(peer).collect(),
                ..metapb::Region::default()
            },
            leader: Some(peer(0)),
            ..RegionInfo::default()
        }
    }
}

#[async_trait]
impl PdApi for MadeUp {
    async fn timestamp(&self, _: &mut Backoffer) -> Result<Timestamp> {
        Ok(Timestamp::new(1))
    }

    async fn region_by_key(&self, _: &mut Backoffer, key: &[u8]) -> Result<Option<RegionInfo>> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        Ok(Some(self.region(region_at(key).min(self.regions - 1))))
    }

    async fn region_by_id(&self, _: &mut Backoffer, id: u64) -> Result<Option<RegionInfo>> {
        Ok(id.checked_sub(1).map(|number| self.region(number)))
    }

    async fn scan_regions(
        &self,
        _: &mut Backoffer,
        start: &[u8],
        _: &[u8],
        limit: u32,
    ) -> Result<Vec<RegionInfo>> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        let first = region_at(start).min(self.regions - 1);
        let last = (first + u64::from(limit)).min(self.regions);
        Ok((first..last).map(|number| self.region(number)).collect())
    }

    async fn store(&self, _: &mut Backoffer, id: u64) -> Result<Option<metapb::Store>> {
        Ok(Some(metapb::Store { id, ..metapb::Store::default() }))
    }

    async fn stores(&self, _: &mut Backoffer) -> Result<Vec<metapb::Store>> {
        Ok(Vec::new())
    }

    async fn txn_safe_point(&self, _: &mut Backoffer) -> Result<Timestamp> {
        Ok(Timestamp::new(1))
    }

    fn cluster_id(&self) -> u64 {
        1
    }
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> =
        std::env::args().skip(1).map(|text| text.parse()).collect::<std::result::Result<_, _>>()?;
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default).max(1);
    let (region_mib, executors, most) = (number(0, 96), number(1, 100), number(2, 100));
    println!("Regions of {region_mib} MiB, {executors} executors.\n");
    println!(
        "| table | regions | PD pages for the plan | time in this process | memory of the list | \
         requests per executor | PD pages per executor |"
    );
    println!("|---|---|---|---|---|---|---|");
    for terabytes in [1, 10, 100, 1000].into_iter().filter(|size| *size <= most) {
        let regions = (terabytes << 40) / (region_mib << 20);
        let pd = Arc::new(MadeUp { regions, stores: executors, pages: AtomicU64::new(0) });
        let options = ClientOptions::default();
        let cache = RegionCache::new(Arc::clone(&pd) as _, &options);
        let mut bo = Backoffer::new(Arc::new(TokioClock), Duration::from_secs(3600));
        let (before, began) = (resident(), Instant::now());
        let list = cache.locate_range(&mut bo, &key(0), &key(regions)).await?;
        let (took, memory) = (began.elapsed(), resident().saturating_sub(before));
        let per_executor = regions.div_ceil(executors);
        println!(
            "| {terabytes} TB | {} | {} | {:.1} s | {} MiB | {per_executor} | {} |",
            list.len(),
            pd.pages.load(Ordering::Relaxed),
            took.as_secs_f64(),
            memory >> 20,
            per_executor.div_ceil(u64::from(options.region_scan_limit)),
        );
    }
    Ok(())
}
