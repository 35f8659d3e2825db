//! What `CREATE TABLE` and `INSERT` write: the embedded cluster beside TiDB, key by key.
//!
//! TiDB's are recorded, in `crates/embedded/src/bootstrap/testdata/tidb.txt` and `golden/tables.txt`.

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::{Cluster, Shape, repository};

use crate::harness::golden;
use crate::harness::recorded::{self, Recorded};
use crate::harness::side::Side;

/// Tables for which TiDB draws lots: their rows are another's each time.
const RANDOM: [&str; 2] = ["auto_rand", "auto_rand3"];

fn recordings() -> Vec<Recorded> {
    let own = golden::file("tables.txt");
    let embedded = repository().join("crates/embedded/src/bootstrap/testdata/tidb.txt");
    let files = [embedded, own].map(|path| std::fs::read_to_string(path).expect("recorded tables"));
    files.iter().flat_map(|text| recorded::parse(text)).collect()
}

/// How a table differs from what is recorded of it.
fn difference(recorded: &Recorded, told: &Recorded) -> Option<String> {
    let ((recorded_info, recorded_pairs), (info, pairs)) =
        (recorded.normalised(), told.normalised());
    if recorded_info != info {
        return Some(format!("{}:\n- {recorded_info}\n+ {info}", recorded.name));
    }
    if recorded_pairs == pairs {
        return None;
    }
    let only = |these: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
                those: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
                sign: char| {
        let only = these.iter().filter(|(key, value)| those.get(*key) != Some(*value));
        only.map(|(key, value)| {
            format!("\n{sign} {} = {}", key.escape_ascii(), value.escape_ascii())
        })
        .collect::<String>()
    };
    let text = only(&recorded_pairs, &pairs, '-') + &only(&pairs, &recorded_pairs, '+');
    Some(format!("{}:{text}", recorded.name))
}

#[tokio::test]
async fn the_embedded_cluster_writes_what_tidb_wrote() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let side = Side::embedded(&cluster).await;
    let mut wrong = Vec::new();
    let recordings = recordings();
    for (at, table) in recordings.iter().enumerate() {
        let database = format!("d{at}");
        let statements = table.statements.iter().filter(|sql| !sql.starts_with("SET "));
        let text: Vec<_> = statements.map(String::as_str).collect();
        let text = format!("CREATE DATABASE {database}; USE {database}; {}", text.join("; "));
        cluster.execute(&text).await.unwrap_or_else(|error| panic!("{}: {error}", table.name));
        let told = side.read(&database, &table.name, &table.statements).await;
        wrong.extend(difference(table, &told));
    }
    assert!(wrong.is_empty(), "{} tables differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(recordings.len() >= 40, "{}", recordings.len());
}

#[tokio::test]
async fn tidb_writes_what_is_recorded() {
    let Some(cluster) = Cluster::of(Shape::default(), "metadata") else { return };
    let side = Side::playground(&cluster).await;
    if golden::is_recording() {
        let mut tables = Vec::new();
        for (name, statements) in recorded::statements() {
            tables.push(side.make(&name, &statements).await);
        }
        std::fs::write(golden::file("tables.txt"), recorded::print(&tables)).unwrap();
    }
    let mut wrong = Vec::new();
    for table in recordings().iter().filter(|table| !RANDOM.contains(&table.name.as_str())) {
        let told = side.make(&table.name, &table.statements).await;
        wrong.extend(difference(table, &told));
    }
    assert!(wrong.is_empty(), "{} tables differ:\n{}", wrong.len(), wrong.join("\n"));
}
