//! Names on disk, so that the first statement of a process need not read every table.
//!
//! One file for each cluster: a line with format, cluster, version and checksum, then the names as
//! JSON. It is written beside itself and renamed, so that readers see the old one or the new one.
//! A file that is damaged, of another format or of another cluster is ignored with a warning.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tifusion_schema::name_info::TableKind;

use super::names::{Database, Names, TableName, Tables};
use tifusion_schema::model::ci_str::to_lower;

/// Raised when the file's form changes.
const FORMAT: u32 = 2;

/// The file for a cluster.
#[derive(Debug, Clone)]
pub(crate) struct DiskCache {
    folder: PathBuf,
    cluster_id: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    cluster_id: u64,
    version: i64,
    checksum: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredDatabase {
    id: i64,
    name: String,
    /// The tables; `None` where they are not known.
    tables: Option<Vec<StoredTable>>,
}

/// Id, name, kind, and what foreign keys refer to.
type StoredTable = (i64, String, char, Vec<(String, String)>);

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it has no first line")]
    NoHeader,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("it is of format {0}, this version knows {FORMAT}")]
    Format(u32),
    #[error("it belongs to cluster {0}")]
    Cluster(u64),
    #[error("its checksum does not fit")]
    Checksum,
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl DiskCache {
    /// The cache in `folder` for the cluster `cluster_id`.
    pub(crate) fn new(folder: impl Into<PathBuf>, cluster_id: u64) -> Self {
        Self { folder: folder.into(), cluster_id }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("names-{}.json", self.cluster_id))
    }

    /// The names in the file, if it is there and sound.
    pub(super) fn load(&self) -> Option<Names> {
        let path = self.path();
        match self.read(&path) {
            Ok(names) => Some(names),
            Err(Unusable::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(reason) => {
                tracing::warn!(file = %path.display(), %reason, "the cache of names is ignored");
                None
            }
        }
    }

    /// Writes the names; a failure is a warning.
    pub(super) fn save(&self, names: &Names) {
        let path = self.path();
        if let Err(reason) = self.write(&path, names) {
            tracing::warn!(file = %path.display(), %reason, "the cache of names can't be written");
        }
    }

    fn read(&self, path: &Path) -> Result<Names, Unusable> {
        let bytes = std::fs::read(path)?;
        let line_end = bytes.iter().position(|b| *b == b'\n').ok_or(Unusable::NoHeader)?;
        let (header, body) = bytes.split_at_checked(line_end).ok_or(Unusable::NoHeader)?;
        let body = body.get(1..).unwrap_or_default();
        let header: Header = serde_json::from_slice(header)?;
        if header.format != FORMAT {
            return Err(Unusable::Format(header.format));
        }
        if header.cluster_id != self.cluster_id {
            return Err(Unusable::Cluster(header.cluster_id));
        }
        if header.checksum != checksum(header.version, body) {
            return Err(Unusable::Checksum);
        }
        let stored: Vec<StoredDatabase> = serde_json::from_slice(body)?;
        Ok(Names::new(header.version, stored.into_iter().map(restore)))
    }

    fn write(&self, path: &Path, names: &Names) -> Result<(), Unusable> {
        let stored: Vec<_> = names.databases().map(store).collect();
        let body = serde_json::to_vec(&stored)?;
        let header = Header {
            format: FORMAT,
            cluster_id: self.cluster_id,
            version: names.version,
            checksum: checksum(names.version, &body),
        };
        std::fs::create_dir_all(&self.folder)?;
        // A name of its own for each write: several contexts of one process may be at it.
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(&header)?)?;
        file.write_all(b"\n")?;
        file.write_all(&body)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn store(database: &Arc<Database>) -> StoredDatabase {
    let kind = |kind| match kind {
        TableKind::View => 'v',
        TableKind::Sequence => 's',
        _ => 't',
    };
    let row = |table: &TableName| {
        (table.id, table.name.to_string(), kind(table.kind), table.references.to_vec())
    };
    let tables = database.tables.as_ref().map(|tables| {
        let mut rows: Vec<_> = tables.values().map(row).collect();
        rows.sort_unstable();
        rows
    });
    StoredDatabase { id: database.id, name: database.name.to_string(), tables }
}

fn restore(stored: StoredDatabase) -> Database {
    let kind = |kind| match kind {
        'v' => TableKind::View,
        's' => TableKind::Sequence,
        _ => TableKind::Table,
    };
    let tables = stored.tables.map(|rows| {
        let tables = rows.into_iter().map(|(id, name, code, references)| {
            let (lower, name) = (to_lower(&name), Arc::from(name));
            (lower, TableName { id, name, kind: kind(code), references: references.into() })
        });
        Arc::new(tables.collect::<Tables>())
    });
    Database { id: stored.id, name: Arc::from(stored.name), tables }
}

/// FNV-1a over version and body: it guards against damage, not against intent.
fn checksum(version: i64, body: &[u8]) -> u64 {
    let version = version.to_be_bytes();
    version.iter().chain(body).fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(id: i64, name: &str, kind: TableKind, references: &[(&str, &str)]) -> TableName {
        let owned = |(database, table): &(&str, &str)| ((*database).into(), (*table).into());
        TableName {
            id,
            name: name.into(),
            kind,
            references: references.iter().map(owned).collect(),
        }
    }

    fn names() -> Names {
        let tables = Tables::from([
            ("t".into(), table(7, "T", TableKind::Table, &[("shop", "parent")])),
            ("v".into(), table(8, "v", TableKind::View, &[])),
            ("ünï".into(), table(9, "Ünï", TableKind::Sequence, &[])),
        ]);
        let database = |id, name: &str, tables| Database { id, name: name.into(), tables };
        Names::new(42, [database(1, "Shop", Some(Arc::new(tables))), database(2, "other", None)])
    }

    #[test]
    fn names_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().join("new"), 5);
        assert_eq!(cache.load(), None);
        cache.save(&names());
        assert_eq!(cache.load(), Some(names()));
        let files: Vec<_> = std::fs::read_dir(folder.path().join("new")).unwrap().collect();
        assert_eq!(files.len(), 1, "the temporary file is gone");
    }

    #[test]
    fn damaged_files_and_those_of_others_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path(), 5);
        cache.save(&names());
        let path = cache.path();
        let good = std::fs::read(&path).unwrap();
        let text = String::from_utf8(good.clone()).unwrap();
        let damaged: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"{}".to_vec(),
            b"not json\n[]".to_vec(),
            good[..good.len() - 1].to_vec(),
            text.replace("Shop", "Shoo").into_bytes(),
            text.replace("\"version\":42", "\"version\":43").into_bytes(),
            text.replace("\"format\":2", "\"format\":1").into_bytes(),
            text.replace("\"cluster_id\":5", "\"cluster_id\":6").into_bytes(),
        ];
        for bytes in damaged {
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(cache.load(), None, "{}", String::from_utf8_lossy(&bytes));
        }
        std::fs::write(&path, &good).unwrap();
        assert_eq!(cache.load(), Some(names()));
    }

    #[test]
    fn a_folder_that_can_not_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        DiskCache::new(&file, 5).save(&names());
        assert_eq!(DiskCache::new(&file, 5).load(), None);
    }
}
