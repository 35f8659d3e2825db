//! Groups of cases, and how they are run on each cluster.

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::raw_cluster::RawCluster;

use super::compare::compare;
use super::differences::{self, Difference};
use super::golden;
use super::script::{Script, Store};
use super::transcript::Transcript;

/// A script by its name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a mut Script) -> LocalBoxFuture<'a, ()>,
}

/// Cases named like the functions that they are.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        vec![$($crate::harness::group::Case {
            name: stringify!($case),
            run: |script| Box::pin($case(script)),
        }),+]
    };
}
pub(crate) use cases;

/// Cases on one subject, with one recording.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) cases: Vec<Case>,
}

impl Group {
    /// Runs all cases on an embedded cluster, and fails unless they answer as recorded.
    pub(crate) async fn check_embedded(self) {
        let recorded = golden::read(self.name);
        let cluster = EmbeddedCluster::builder().seed(1).start().await.expect("a cluster");
        let raw = Arc::new(RawCluster::connect(&cluster.pd_addresses().join(",")).await);
        let mut told = Vec::new();
        for case in &self.cases {
            told.push(transcript(case, Arc::clone(&raw), Store::TiKv).await);
        }
        self.judge(&recorded, &told, &differences::read(self.name));
    }

    /// Runs all cases on the playground, if there is a way to one, and fails unless it answers as recorded; or
    /// records its answers.
    pub(crate) async fn check_playground(self) {
        let Some(cluster) = Cluster::of(Shape::default(), self.name) else { return };
        let raw = Arc::new(RawCluster::connect(&cluster.pd).await);
        let store = if is_tikv() { Store::TiKv } else { Store::Unistore };
        let mut told = Vec::new();
        for case in &self.cases {
            told.push(transcript(case, Arc::clone(&raw), store).await);
        }
        if golden::is_recording() {
            golden::write(self.name, &told);
        } else if is_tikv() {
            self.judge(&golden::read(self.name), &told, &differences::read(self.name));
        } else {
            self.judge(&golden::read(self.name), &told, &[]);
        }
    }

    fn judge(&self, recorded: &[Transcript], told: &[Transcript], differences: &[Difference]) {
        let wrong = compare(recorded, told, differences);
        let (count, cases) = (wrong.len(), told.len());
        assert!(wrong.is_empty(), "{count} differences in {cases} cases:\n{}", wrong.join("\n"));
    }
}

/// An external cluster is of TiKV, to which the embedded one is to be like.
pub(crate) fn is_tikv() -> bool {
    std::env::var("TIFUSION_TEST_CLUSTER").is_ok_and(|kind| kind == "external")
}

async fn transcript(case: &Case, cluster: Arc<RawCluster>, store: Store) -> Transcript {
    let mut script = Script::new(cluster, store, case.name, prefix(case.name));
    (case.run)(&mut script).await;
    script.into_transcript()
}

/// A beginning of keys that no other run has, behind all that TiDB writes. Unistore keeps its records of rollbacks
/// and locks beside the keys of tables alone, so these look like one.
fn prefix(case: &str) -> Vec<u8> {
    [b"t\xff".as_slice(), format!("{:016x}/{case}/", rand::random::<u64>()).as_bytes()].concat()
}

/// The two tests of a group.
macro_rules! group_tests {
    () => {
        #[tokio::test]
        async fn the_embedded_cluster_answers_as_recorded() {
            group().check_embedded().await;
        }

        #[tokio::test]
        async fn the_playground_answers_as_recorded() {
            group().check_playground().await;
        }
    };
}
pub(crate) use group_tests;
