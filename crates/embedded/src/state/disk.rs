//! The file that keeps what is not data: the topology, the bound of timestamps, the safe points.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use prost::Message as _;

use crate::topology::SavedTopology;

/// What is saved.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Saved {
    #[prost(uint64, tag = "1")]
    pub(crate) cluster_id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) ts_bound: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) txn_safe_point: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) gc_safe_point: u64,
    #[prost(message, optional, tag = "5")]
    pub(crate) topology: Option<SavedTopology>,
}

/// The file.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Disk {
    /// The file in `folder`, and what it says; `None` when there is none yet.
    ///
    /// # Errors
    /// When the file cannot be read, or is none of ours.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Option<Saved>)> {
        fs::create_dir_all(folder)?;
        let path = folder.join("cluster");
        let saved = match fs::read(&path) {
            Ok(bytes) => {
                let saved = Saved::decode(bytes.as_slice());
                Some(saved.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok((Self { path, writing: Mutex::default() }, saved))
    }

    /// Replaces the file as a whole, so that it is never half written. A failure is told to the log: the
    /// cluster goes on, and the next save may work. `saved` is asked when it is this save's turn, so that an
    /// older state never follows a newer one.
    pub(crate) fn save(&self, saved: impl FnOnce() -> Saved) {
        let _turn = self.writing.lock();
        if let Err(error) = self.replace(&saved().encode_to_vec()) {
            tracing::error!(path = %self.path.display(), %error, "the cluster could not be saved");
        }
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&new, &self.path)
    }
}
